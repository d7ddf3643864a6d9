package dev.sojourn;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;

/** Between a client and a server: loses answers, or cuts the line. */
final class Proxy implements AutoCloseable {
  private final ServerSocket listening;
  private final int target;
  private final List<Socket> sockets = new CopyOnWriteArrayList<>();
  private volatile boolean isRefusing;
  private final AtomicInteger toLose = new AtomicInteger();

  Proxy(int target) {
    this.target = target;
    try {
      listening = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
    daemon(this::accept);
  }

  String uri() {
    return "redis://127.0.0.1:" + listening.getLocalPort();
  }

  /** The next command is carried out, its answer does not come, and the connection is lost. */
  void loseNextAnswer() {
    toLose.set(1);
  }

  /** The same, and there is no other connection to be had until {@link #resume}. */
  void loseNextAnswerForGood() {
    isRefusing = true;
    loseNextAnswer();
  }

  void resume() {
    isRefusing = false;
  }

  private void accept() {
    try {
      while (!listening.isClosed()) {
        Socket client = listening.accept();
        if (isRefusing) {
          client.close();
          continue;
        }
        Socket server = new Socket(InetAddress.getLoopbackAddress(), target);
        sockets.add(client);
        sockets.add(server);
        daemon(() -> pass(client, server, false));
        daemon(() -> pass(server, client, true));
      }
    } catch (IOException closed) {
      // As it is meant.
    }
  }

  private void pass(Socket from, Socket to, boolean isAnswer) {
    byte[] bytes = new byte[65_536];
    try (from;
        to) {
      InputStream in = from.getInputStream();
      OutputStream out = to.getOutputStream();
      for (int length = in.read(bytes); length >= 0; length = in.read(bytes)) {
        if (isAnswer && toLose.getAndUpdate(left -> Math.max(0, left - 1)) > 0) return;
        out.write(bytes, 0, length);
        out.flush();
      }
    } catch (IOException closed) {
      // The other end goes too.
    }
  }

  private static void daemon(Runnable work) {
    Thread thread = new Thread(work);
    thread.setDaemon(true);
    thread.start();
  }

  @Override
  public void close() {
    try {
      listening.close();
      for (Socket socket : sockets) socket.close();
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
  }
}
