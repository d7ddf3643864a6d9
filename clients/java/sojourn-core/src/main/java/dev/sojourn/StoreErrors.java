package dev.sojourn;

import io.lettuce.core.RedisCommandExecutionException;
import io.lettuce.core.RedisConnectionException;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What failures of the client and answers of the server mean to a caller. */
final class StoreErrors {
  /** The server is there and says no: a retry does not help before somebody acts. */
  private static final Map<String, String> REFUSED =
      Map.ofEntries(
          Map.entry("OOM", "its memory is full: raise maxmemory, or set maxmemory-policy to volatile-ttl"),
          Map.entry("READONLY", "it is a replica: connect to the primary, or to the Sentinels"),
          Map.entry("NOPERM", "the user lacks a permission: ACL LOG on the server says which"),
          Map.entry("NOAUTH", "it asks for a password: put it into the URI"),
          Map.entry("WRONGPASS", "user name or password is wrong, or the user is disabled"),
          Map.entry("MISCONF", "it cannot save to disk and takes no writes: see its log, free disk space"),
          Map.entry("NOREPLICAS", "it has fewer replicas than min-replicas-to-write asks for: restore them"),
          Map.entry("WRONGTYPE", "another application uses the same keys: choose another prefix or database"),
          Map.entry("MOVED", "it is part of a Cluster: use cluster() instead of redis()"),
          Map.entry("ASK", "it is part of a Cluster: use cluster() instead of redis()"));

  /** Passing conditions: the command was not carried out, and works again by itself. */
  private static final Map<String, String> PASSING =
      Map.of(
          "LOADING", "it is loading its data; it serves when that is done",
          "MASTERDOWN", "it is a replica without its primary: wait for the failover",
          "CLUSTERDOWN", "the cluster does not cover this slot: restore the failed node",
          "BUSY", "a script of another application has been running too long",
          "TRYAGAIN", "the slot is being moved to another node; try again");

  private static final Pattern FIRST_WORD = Pattern.compile("^-?([A-Z][A-Z0-9_]{1,31})(?= |$)");
  /** Older servers wrap the error of a command in that of its script. */
  private static final Pattern WRAPPED = Pattern.compile("[-: ](OOM|READONLY|NOPERM|MISCONF|NOREPLICAS|WRONGTYPE) ");

  private StoreErrors() {}

  /** @param error what a command's future has ended with */
  static SojournException of(String operation, Throwable error) {
    // Its text is not kept as the cause: some answers quote keys and arguments.
    if (error instanceof RedisCommandExecutionException) return answered(operation, String.valueOf(error.getMessage()));
    if (error instanceof SojournException ours) return ours;
    String problem = operation + ": the connection to Redis was lost before the answer came; whether it was carried out is unknown";
    return new StoreUnavailableException(problem, true, error);
  }

  static SojournException unreachable(String operation, Throwable error) {
    for (Throwable cause = error; cause != null; cause = cause.getCause()) {
      if (cause instanceof RedisCommandExecutionException) return answered(operation, String.valueOf(cause.getMessage()));
    }
    String what = error instanceof RedisConnectionException ? "cannot be reached" : "does not answer";
    return new StoreUnavailableException(operation + ": Redis " + what + ": check address, network and server", false, error);
  }

  static StoreUnavailableException late(String operation, long ms) {
    String problem = operation + ": Redis did not answer within " + ms + " ms; whether it was carried out is unknown";
    return new StoreUnavailableException(problem, true, null);
  }

  private static SojournException answered(String operation, String message) {
    String reason = reason(message);
    String passing = PASSING.get(reason);
    if (passing != null) {
      return new StoreUnavailableException(operation + ": Redis cannot serve (" + reason + "): " + passing, false, null);
    }
    String advice = REFUSED.getOrDefault(reason, "see its log");
    return new StoreRefusedException(reason, operation + ": Redis refused (" + reason + "): " + advice);
  }

  /** Only plain words come out: the text of an answer can hold keys and arguments. */
  private static String reason(String message) {
    Matcher first = FIRST_WORD.matcher(message);
    String word = first.find() ? first.group(1) : "ERR";
    if (!word.equals("ERR")) return word;
    Matcher wrapped = WRAPPED.matcher(message);
    return wrapped.find() ? wrapped.group(1) : "ERR";
  }
}
