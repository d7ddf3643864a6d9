package dev.sojourn;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** A new secret, and the former one taken out: nobody is signed out, and the records say when that may be done. */
class SecretsTest extends TwoNodes {
  private static final String OLD = "a former secret: 0123456789abcdef0123";
  private static final String NEW = "a new secret: 0123456789abcdef0123456";
  private static final Keyring RING = Keyring.of(List.of(Bytes.utf8(NEW), Bytes.utf8(OLD)));
  private static final Keyring.Key FORMER = RING.keys().get(1);

  /**
   * The age at which a token of a former secret is replaced, and what the clocks of two nodes may be apart: each has
   * measured the server's for itself.
   */
  private static final Duration DUE = Duration.ofMinutes(10).plusSeconds(1);

  private final List<Nodes> others = new ArrayList<>();

  /** Both nodes have the new one first already. */
  @Override
  SessionsBuilder options(SessionsBuilder builder) {
    return builder.secrets(NEW, OLD);
  }

  private Sessions node(String... secrets) {
    others.add(new Nodes(server, builder -> builder.secrets(secrets)));
    return others.get(others.size() - 1).one;
  }

  @Test
  void twoWithTheSameKeyIdAreRefused() {
    byte[] one = Bytes.utf8("secret 96 xxxxxxxxxxxxxxxxxxxxxx");
    byte[] two = Bytes.utf8("secret 135 xxxxxxxxxxxxxxxxxxxxx");
    OptionException refused = assertThrows(OptionException.class, () -> Keyring.of(List.of(Bytes.utf8(OLD), one, two)));
    assertEquals("secrets[2]", refused.option());
    assertTrue(refused.getMessage().contains("has the same key id as secrets[1]"));
  }

  @AfterEach
  void closeOthers() {
    others.forEach(Nodes::close);
  }

  private RecordFormat.Opened record(Session session) {
    Token token = Objects.requireNonNull(Token.parse(RING, Nodes.token(session)));
    RedisEngine.Stored stored = Objects.requireNonNull(one.engine().load(token.id()));
    return RecordFormat.open(stored.record(), new RecordFormat.Context(RING, token));
  }

  private Map<String, @Nullable Object> meta(Session session) {
    return Objects.requireNonNull(record(session).payload()).meta();
  }

  /** With which its record is sealed, and its token signed. */
  private String secrets(Session session) {
    boolean isSigned = Token.parse(Keyring.of(List.of(Bytes.utf8(NEW))), Nodes.token(session)) != null;
    return (record(session).key() == RING.primary() ? "new" : "old") + " " + (isSigned ? "new" : "old");
  }

  /** As whoever takes a secret out does it with a session whose client does not come. */
  private void sealAnew(Session session) {
    RecordFormat.Opened found = record(session);
    RecordHeader old = Objects.requireNonNull(found.header());
    Codec.Payload payload = Objects.requireNonNull(found.payload());
    Map<String, @Nullable Object> meta = new LinkedHashMap<>(payload.meta());
    meta.put("t", (long) FORMER.id);
    RecordHeader header =
        new RecordHeader(
            old.nextRevision(), old.createdAt(), old.deadline(), old.idleTimeout(), old.schema(), old.ownerTag());
    Token token = Objects.requireNonNull(Token.parse(RING, Nodes.token(session)));
    RecordFormat format = new RecordFormat(Codec.MESSAGE_PACK, SealMode.SEALED, 256, 1 << 20);
    RecordFormat.Context context = new RecordFormat.Context(RING, token);
    byte[] record = format.encode(header, new Codec.Payload(payload.attributes(), meta), RING.primary(), context);
    byte[] stamp = RecordFormat.stamp(Objects.requireNonNull(one.engine().load(token.id())).record());
    assertEquals(RedisEngine.Status.DONE, one.engine().commit(token.id(), stamp, record, null, false).status());
  }

  @Test
  void aRequestThatChangesNothingBringsATokenOfTheNewSecret() {
    String former = Nodes.token(Nodes.stored(node(OLD), "n", 1));
    nodes.pass(DUE.minusSeconds(5));
    Session early = one.open(former);
    early.finish();
    assertEquals(former, Nodes.token(early));
    nodes.pass(Duration.ofSeconds(5));
    Session parallel = two.open(former);
    Session session = one.open(former);
    session.finish();
    String token = Nodes.token(session);
    assertNotEquals(former, token);
    assertEquals(Session.Cookie.SET, session.cookie());
    assertEquals("new new", secrets(session));
    // Requests on their way go on.
    parallel.set("m", 1);
    parallel.finish();
    assertEquals(token, Nodes.token(parallel));
    assertEquals("new new", secrets(parallel));
    assertEquals(token, Nodes.token(two.open(former)));
    Session again = one.open(token);
    again.finish();
    assertEquals(token, Nodes.token(again), "once");
    assertEquals(1L, again.get("m"));
    Sessions after = node(NEW);
    assertEquals(1L, after.open(token).get("m"));
    assertTrue(after.open(former).isNew());
  }

  @Test
  void whoHasComeIsSignedInWithoutTheFormerSecret() {
    Sessions before = node(OLD, NEW);
    List<String> tokens = new ArrayList<>();
    for (int n = 0; n < 12; n++) tokens.add(Nodes.token(Nodes.signedIn(before, "user" + n % 3)));
    nodes.pass(DUE);
    List<String> changed = new ArrayList<>();
    for (int n = 0; n < 12; n++) {
      Session session = one.open(tokens.get(n));
      if (n % 2 == 1) session.set("n", n);
      session.finish();
      changed.add(Nodes.token(session));
    }
    Sessions after = node(NEW);
    for (int n = 0; n < 12; n++) assertEquals("user" + n % 3, after.open(changed.get(n)).principal());
    List<SessionInfo> listed = after.of("user0").list();
    assertEquals(4, listed.size());
    assertTrue(listed.stream().allMatch(each -> each.createdAt() != null), "the index opens too");
  }

  @Test
  void aRecordIsNeverSealedWithAnotherSecretThanItsTokenIsSignedWith() {
    Sessions before = node(OLD, NEW);
    List<Consumer<Session>> writes =
        List.of(
            session -> session.set("n", 2),
            Session::touch,
            Session::rotate,
            Session::rotateLater,
            session -> session.login("ada"),
            session -> session.login("grace"),
            session -> session.stepUp(2),
            Session::refresh);
    for (Consumer<Session> write : writes) assertOneSecret(before, write, false);
    nodes.pass(DUE);
    for (Consumer<Session> write : writes) assertOneSecret(before, write, true);
  }

  private void assertOneSecret(Sessions before, Consumer<Session> write, boolean isDue) {
    Session first = Nodes.signedIn(before, "ada");
    assertTrue(one.update(Nodes.id(first), attributes -> attributes.put("byId", 1)));
    assertTrue(one.touch(Nodes.id(first)));
    assertEquals("old old", secrets(first), "nobody has come");
    Session behind = before.open(Nodes.token(first));
    behind.set("behind", 1);
    Session session = one.open(Nodes.token(first));
    write.accept(session);
    assertTrue(List.of("old old", "new new").contains(secrets(session)), secrets(session));
    session.finish();
    boolean isNew = isDue || !Nodes.token(first).equals(Nodes.token(session));
    String expected = isNew ? "new new" : "old old";
    assertEquals(expected, secrets(session));
    // A node that has the former one first still: its write follows, and takes the secret of what it finds.
    behind.commit();
    if (behind.isEnded()) return;
    assertEquals(Nodes.token(session), Nodes.token(behind));
    assertEquals(expected, secrets(behind));
    assertTrue(before.update(Nodes.id(behind), attributes -> attributes.put("byId", 2)));
    assertEquals(expected, secrets(behind));
  }

  @Test
  void nodesThatHaveThemInAnotherOrderDoNotReplaceEachOthersTokens() {
    Sessions before = node(OLD, NEW);
    String first = Nodes.token(Nodes.stored(before, "n", 1));
    nodes.pass(DUE);
    others.get(0).pass(DUE);
    Session session = one.open(first);
    session.finish();
    String token = Nodes.token(session);
    assertNotEquals(first, token);
    for (Sessions node : List.of(before, one, before)) {
      session = node.open(token);
      session.finish();
      assertEquals(token, Nodes.token(session));
    }
  }

  @Test
  void whatWasSealedAnewWhileNobodyWasThere() {
    List<Consumer<Session>> renewals =
        List.of(Session::finish, Session::rotate, session -> session.login("ada"), session -> session.stepUp(2));
    Sessions before = node(OLD, NEW);
    for (Consumer<Session> renewal : renewals) {
      Session first = Nodes.signedIn(before, "ada");
      Session running = before.open(Nodes.token(first));
      sealAnew(first);
      assertEquals("new old", secrets(first));
      assertTrue(one.update(Nodes.id(first), attributes -> attributes.put("byId", 1)));
      running.set("n", 1);
      running.commit();
      assertEquals(Nodes.token(first), Nodes.token(running));
      assertEquals((long) FORMER.id, meta(running).get("t"), "kept while the token is the same");
      assertEquals("new old", secrets(running));
      nodes.pass(DUE);
      Session session = one.open(Nodes.token(first));
      renewal.accept(session);
      assertNotEquals(Nodes.token(first), Nodes.token(session));
      assertFalse(meta(session).containsKey("t"));
      Session again = node(NEW).open(Nodes.token(session));
      again.finish();
      assertEquals(Nodes.token(session), Nodes.token(again));
      assertEquals("ada", again.principal());
      assertNull(node(NEW).open(Nodes.token(first)).id());
    }
  }
}
