package dev.sojourn;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;

import java.nio.file.Path;
import java.util.List;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.xpath.XPath;
import javax.xml.xpath.XPathFactory;
import org.junit.jupiter.api.Test;
import org.w3c.dom.Document;

/** What Maven Central refuses an upload without. */
class PublishingTest {
  private static final Path ROOT = Path.of(System.getProperty("sojourn.root"), "clients/java");
  private static final XPath XPATH = XPathFactory.newInstance().newXPath();

  private static Document pom(String module) throws Exception {
    return DocumentBuilderFactory.newInstance().newDocumentBuilder().parse(ROOT.resolve(module).resolve("pom.xml").toFile());
  }

  private static void assertSaid(Document pom, String path) throws Exception {
    assertFalse(XPATH.evaluate(path, pom).isBlank(), path);
  }

  @Test
  void whoAndWhereIsSaid() throws Exception {
    Document parent = pom("");
    for (String path :
        List.of(
            "/project/name", "/project/description", "/project/url", "/project/licenses/license/name", "/project/licenses/license/url",
            "/project/developers/developer/name", "/project/developers/developer/organization", "/project/scm/url",
            "/project/scm/connection", "/project/scm/developerConnection")) {
      assertSaid(parent, path);
    }
    // Maven would put each module's name behind them, where there is nothing.
    assertEquals("false", XPATH.evaluate("/project/@child.project.url.inherit.append.path", parent));
    for (String each : List.of("url", "connection", "developerConnection")) {
      assertEquals("false", XPATH.evaluate("/project/scm/@child.scm." + each + ".inherit.append.path", parent));
    }
    for (String module : List.of("sojourn-core", "sojourn-spring-session")) {
      assertSaid(pom(module), "/project/name");
      assertSaid(pom(module), "/project/description");
    }
    assertEquals("true", XPATH.evaluate("/project/properties/maven.deploy.skip", pom("sojourn-spring-session-boot4")));
  }

  @Test
  void aReleaseHasSourcesAndJavadoc() throws Exception {
    String plugins = "/project/profiles/profile[id='release']/build/plugins/plugin";
    for (String plugin : List.of("maven-source-plugin", "maven-javadoc-plugin")) {
      assertSaid(pom(""), plugins + "[artifactId='" + plugin + "']/executions/execution/goals/goal");
    }
  }

  @Test
  void theJarHasScriptsAndTheLicence() {
    assertNotNull(Sessions.class.getResource("/META-INF/LICENSE"));
    assertNotNull(Sessions.class.getResource("scripts/commit.lua"));
  }
}
