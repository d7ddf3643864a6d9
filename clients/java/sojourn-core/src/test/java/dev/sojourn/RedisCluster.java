package dev.sojourn;

import java.util.ArrayList;
import java.util.List;

/** Three nodes with all slots between them, gone with the test. */
public final class RedisCluster implements AutoCloseable {
  private static final int[] STARTS = {0, 5461, 10923, 16384};

  final List<RedisServer> servers = new ArrayList<>();

  public RedisCluster() {
    try {
      for (int i = 0; i < 3; i++) servers.add(new RedisServer("--cluster-enabled", "yes", "--cluster-node-timeout", "2000"));
      for (int i = 0; i < 3; i++) {
        servers.get(i).tell("CLUSTER ADDSLOTSRANGE " + STARTS[i] + " " + (STARTS[i + 1] - 1));
        servers.get(i).tell("CLUSTER MEET 127.0.0.1 " + servers.get(0).port);
      }
      for (String line : List.of("cluster_state:ok", "cluster_known_nodes:3")) {
        Nodes.eventually(() -> servers.stream().allMatch(server -> server.tell("CLUSTER INFO").contains(line)));
      }
    } catch (RuntimeException | AssertionError error) {
      close();
      throw error;
    }
  }

  /** Of some nodes. */
  public String[] uris() {
    return new String[] {servers.get(0).uri(), servers.get(1).uri()};
  }

  @Override
  public void close() {
    servers.forEach(RedisServer::close);
  }
}
