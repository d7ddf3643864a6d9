package dev.sojourn;

/** The session is in a region that is not reached from here. Nothing was asked, and no cookie is to be touched. */
@SuppressWarnings("serial")
public final class SessionElsewhereException extends SojournException {
  private final int region;

  SessionElsewhereException(String operation, int region) {
    super(
        "ERR_SOJOURN_ELSEWHERE",
        operation + ": region number " + region + " is not reached from here; send the request there",
        421,
        null);
    this.region = region;
  }

  /** 0 to 7: of the token. */
  public int region() {
    return region;
  }
}
