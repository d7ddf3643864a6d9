package dev.sojourn.spring;

import jakarta.servlet.http.HttpServletResponse;
import jakarta.servlet.http.HttpServletResponseWrapper;

/**
 * The answer of an error page after the store has failed. To Spring Security the user is nobody then, and where that page is not
 * for everybody it would answer with the way to a sign-in, or 401: the failure's status stands, without the page.
 */
final class FailedAnswer extends HttpServletResponseWrapper {
  private final int status;

  FailedAnswer(HttpServletResponse response, int status) {
    super(response);
    this.status = status;
  }

  private void keep() {
    if (!isCommitted()) resetBuffer();
    super.setStatus(status);
  }

  @Override
  public void setStatus(int other) {
    super.setStatus(status);
  }

  @Override
  public void sendError(int other) {
    keep();
  }

  @Override
  public void sendError(int other, String message) {
    keep();
  }

  @Override
  public void sendRedirect(String location) {
    keep();
  }

  // Of Servlet 6.1, which Boot 4 has and Boot 3 does not: hence without @Override.

  public void sendRedirect(String location, int other) {
    keep();
  }

  public void sendRedirect(String location, boolean clearsBuffer) {
    keep();
  }

  public void sendRedirect(String location, int other, boolean clearsBuffer) {
    keep();
  }
}
