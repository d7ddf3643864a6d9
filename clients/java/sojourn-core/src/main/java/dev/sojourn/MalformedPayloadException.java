package dev.sojourn;

/** Stored bytes that are not a payload. Internal: such a record counts as no session. */
@SuppressWarnings("serial")
final class MalformedPayloadException extends RuntimeException {
  MalformedPayloadException(String problem) {
    super(problem, null, false, false);
  }
}
