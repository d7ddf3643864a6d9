package dev.sojourn.spring;

import dev.sojourn.AttributeException;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;

/**
 * Attributes of Spring's own that cannot be read: their class has left the allow-list, has other fields now, or is of a release that
 * this node does not have yet. To an application they are absent, and no request fails for them. They stay stored until they are set
 * or removed, so that what is right again is read again.
 */
final class UnreadableAttributes {
  private static final Log LOG = LogFactory.getLog(UnreadableAttributes.class);
  private static final int MOST = 1000;

  /** Or each request of each session would say the same. */
  private final Set<String> told =
      Collections.synchronizedSet(
          Collections.newSetFromMap(
              new LinkedHashMap<>() {
                private static final long serialVersionUID = 1;

                @Override
                protected boolean removeEldestEntry(Map.Entry<String, Boolean> eldest) {
                  return size() > MOST;
                }
              }));

  /** @param problem names the attribute and what to do */
  void tell(String sessionId, AttributeException problem) {
    String message = String.valueOf(problem.getMessage());
    if (told.add(message)) LOG.warn(message + " (taken as absent, first in session " + sessionId + "; told once, causes at level DEBUG)");
    // Causes quote what is stored.
    LOG.debug("session " + sessionId, problem);
  }
}
