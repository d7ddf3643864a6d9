"""Flask with the session interface, Flask-Login included."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import flask
import pytest
from flask_login import LoginManager, UserMixin, current_user, login_required, login_user, logout_user
from werkzeug.test import Client

from sojourn import OptionError, SessionAttributeError, Sessions, StoreUnavailableError
from sojourn.flask import SojournSessionInterface, follow_flask_login

from .conftest import SECRETS
from .servers import Server

COOKIE = "__Host-session"


@pytest.fixture
def sessions(server: Server, prefix: str) -> Iterator[Sessions]:
    with Sessions(server.url, secrets=SECRETS, prefix=prefix, max_sessions=5, on_limit="reject") as made:
        yield made


def application(sessions: Sessions | None, outage: Any = "fail", **config: Any) -> flask.Flask:
    app = flask.Flask("tests")
    app.config.update(TESTING=True, SECRET_KEY="of Flask-Login's cookie", **config)
    SojournSessionInterface(sessions, outage=outage).init_app(app)
    session: Any = flask.session

    @app.get("/unused")
    def unused() -> str:
        return "the same for all"

    @app.get("/read")
    def read() -> Any:
        return {**session, "principal": session.principal}

    @app.get("/visit")
    def visit() -> Any:
        session["n"] = session.get("n", 0) + 1
        session.setdefault("cart", []).append("apple")
        return {"n": session["n"], "cart": session["cart"], "new": session.new, "modified": session.modified}

    @app.get("/login/<name>")
    def login(name: str) -> Any:
        session.login(name, keep=["cart"], device="test")
        return session.principal

    @app.get("/logout")
    def logout() -> str:
        session.logout()
        return "bye"

    @app.get("/rotate")
    def rotate() -> str:
        session.rotate()
        return "rotated"

    @app.get("/everywhere")
    def everywhere() -> str:
        ended = app.extensions["sojourn"].of(session).revoke_all()
        return str(ended)

    @app.get("/permanent/<int:on>")
    def permanent(on: int) -> str:
        before = session.permanent
        session.permanent = bool(on)
        session["on"] = on
        return f"{before} {session.permanent}"

    @app.get("/flash")
    def flash() -> str:
        flask.flash("hello", "info")
        flask.flash("<world>")
        return "flashed"

    @app.get("/flashed")
    def flashed() -> str:
        return flask.render_template_string(
            "{% for kind, text in get_flashed_messages(with_categories=true) %}{{ kind }}:{{ text }} {% endfor %}"
        )

    @app.get("/unstorable")
    def unstorable() -> str:
        session["n"] = object()
        return "refused"

    @app.get("/bug")
    def bug() -> str:
        session["n"] = -1
        raise LookupError("a bug")

    @app.get("/stream")
    def stream() -> Any:
        session["before"] = True

        def parts() -> Iterator[str]:
            yield "early "
            session["late"] = True
            with pytest.raises(Exception, match="headers have been sent"):
                session.login("eve")
            yield "late"

        return flask.Response(flask.stream_with_context(parts()))

    return app


def client_of(app: flask.Flask) -> Client:
    return app.test_client()


def get(client: Client, path: str, **options: Any) -> Any:
    # Buffered: closed when it has been read, as servers do it.
    return client.get(path, base_url="https://app.test", buffered=True, **options)


def token_of(client: Client) -> str | None:
    cookie = client.get_cookie(COOKIE, "app.test")
    return None if cookie is None else cookie.value


def steps_of(sessions: Sessions) -> list[str]:
    steps: list[str] = []
    carry_out = sessions._run._carry_out

    def counted(step: Any) -> Any:
        steps.append(step.script.name if hasattr(step, "script") else type(step).__name__.lower())
        return carry_out(step)

    sessions._run._carry_out = counted  # type: ignore[method-assign]
    return steps


def test_from_request_to_request(sessions: Sessions) -> None:
    steps = steps_of(sessions)
    client = client_of(application(sessions))
    for path in ("/unused", "/read", "/flashed", "/logout"):
        assert get(client, path).headers.get_all("Set-Cookie") == []
    assert steps == []
    answer = get(client, "/visit")
    assert answer.json == {"n": 1, "cart": ["apple"], "new": True, "modified": True}
    token = token_of(client)
    assert answer.headers.get_all("Set-Cookie") == [f"{COOKIE}={token}; Path=/; HttpOnly; SameSite=Lax; Secure"]
    assert (answer.headers["Cache-Control"], answer.headers["Vary"]) == ("private", "Cookie")
    assert get(client, "/visit").json == {"n": 2, "cart": ["apple", "apple"], "new": False, "modified": True}
    steps.clear()
    answer = get(client, "/unused")
    assert (steps, "Vary" in answer.headers) == ([], False), "nobody has looked at it"
    answer = get(client, "/read")
    assert (steps, answer.headers["Vary"]) == (["read"], "Cookie")
    assert answer.headers.get_all("Set-Cookie") == []
    assert dict(sessions.open(token)) == {"n": 2, "cart": ["apple", "apple"]}


def test_login_logout_rotation_and_everywhere(sessions: Sessions) -> None:
    app = application(sessions)
    client, other = client_of(app), client_of(app)
    get(client, "/visit")
    before = token_of(client)
    assert get(client, "/login/ada").text == "ada"
    assert token_of(client) != before
    assert get(client, "/read").json == {"cart": ["apple"], "principal": "ada"}
    former = token_of(client)
    get(client, "/rotate")
    assert token_of(client) != former
    get(other, "/login/ada")
    assert get(other, "/everywhere").text == "2"
    assert [get(each, "/read").json for each in (client, other)] == [{"principal": None}] * 2
    get(client, "/login/ada")
    answer = get(client, "/logout")
    assert answer.headers["Set-Cookie"].startswith(f"{COOKIE}=; Max-Age=0")
    assert token_of(client) is None
    for _ in range(5):
        assert get(client_of(app), "/login/grace").status_code == 200
    answer = get(client, "/login/grace")
    assert (answer.status_code, answer.json) == (409, {"error": "ERR_SOJOURN_SESSION_LIMIT"})


def test_permanent(sessions: Sessions) -> None:
    client = client_of(application(sessions))
    assert get(client, "/permanent/1").text == "False True"
    assert "_permanent" not in get(client, "/read").json
    answer = get(client, "/permanent/1")
    assert (answer.text, answer.headers.get_all("Set-Cookie")) == ("True True", [])
    answer = get(client, "/permanent/0")
    assert answer.text == "True False"
    assert "Max-Age" not in answer.headers["Set-Cookie"]
    assert "Max-Age=43" in get(client, "/permanent/1").headers["Set-Cookie"]


def test_flashes(sessions: Sessions) -> None:
    client = client_of(application(sessions))
    get(client, "/flash")
    assert get(client, "/flashed").text == "info:hello message:&lt;world&gt; "
    assert get(client, "/flashed").text == ""


def test_streams(sessions: Sessions) -> None:
    client = client_of(application(sessions))
    assert get(client, "/stream").text == "early late"
    assert get(client, "/read").json == {"before": True, "late": True, "principal": None}


def test_the_test_client_changes_it(sessions: Sessions) -> None:
    app = application(sessions)
    client = app.test_client()
    with client.session_transaction(base_url="https://app.test") as session:
        session["n"] = 41
    assert get(client, "/visit").json["n"] == 42


def test_the_lifetime_is_renewed_after_the_answer(sessions: Sessions, server: Server, prefix: str) -> None:
    client = client_of(application(sessions))
    get(client, "/visit")
    (key,) = server.cli.scan_iter(f"{prefix}:*:s:*")
    server.cli.pexpire(key, 20 * 60_000)
    sessions._repository.settings.clock._offset += 10 * 60_000  # type: ignore[operator]
    get(client, "/unused")
    assert server.cli.pttl(key) <= 20 * 60_000
    get(client, "/read")
    assert server.cli.pttl(key) > 29 * 60_000


def test_requests_at_once(sessions: Sessions) -> None:
    app = application(sessions)

    @app.get("/count/<name>")
    def count(name: str) -> str:
        session: Any = flask.session
        session[name] = True
        session.modify("n", lambda n: n + 1, 0)
        return "counted"

    client = client_of(app)
    get(client, "/visit")
    token = token_of(client)

    def visit(name: int) -> None:
        app.test_client(use_cookies=False).get(f"/count/{name}", headers={"Cookie": f"{COOKIE}={token}"})

    threads = [threading.Thread(target=visit, args=(i,)) for i in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = sessions.open(token)
    assert found["n"] == 11
    assert all(str(i) in found for i in range(10))


def test_failures(sessions: Sessions, caplog: pytest.LogCaptureFixture) -> None:
    app = application(sessions)
    client = client_of(app)
    get(client, "/visit")
    for path, error in (("/unstorable", SessionAttributeError), ("/bug", LookupError)):
        with pytest.raises(error):
            get(client, path)
    app.config.update(TESTING=False, PROPAGATE_EXCEPTIONS=False)
    answer = get(client, "/unstorable")
    assert (answer.status_code, "refused" in answer.text) == (500, False)
    assert [record.exc_info[0] for record in caplog.records if record.exc_info] == [SessionAttributeError], "told of once"
    assert get(client, "/read").json["n"] == 1
    assert get(client, "/bug").status_code == 500
    assert get(client, "/read").json["n"] == -1, "stored with the error's answer"


def test_while_redis_is_out_of_order(prefix: str) -> None:
    def dies() -> flask.Response:
        flask.session["n"] = 9
        own.kill()

        return flask.Response(stream, headers={"ETag": '"x"'})

    class Stream:
        def __iter__(self) -> Iterator[str]:
            yield "refused"

        def close(self) -> None:
            closed.append(True)

    stream: Any = Stream()
    closed: list[bool] = []
    with Server() as own, Sessions(own.url, secrets=SECRETS, prefix=prefix) as sessions:
        app = application(sessions)
        app.add_url_rule("/dies", view_func=dies)
        client, other = client_of(app), client_of(app)
        get(client, "/visit")
        answer = get(client, "/dies")
        assert (answer.status_code, answer.json) == (503, {"error": "ERR_SOJOURN_STORE_UNAVAILABLE"})
        assert (answer.headers["Retry-After"], "ETag" in answer.headers) == ("1", False)
        assert (closed, answer.headers.get_all("Set-Cookie")) == ([True], [])
        for browser, path, status in ((client, "/read", 503), (client, "/unused", 200), (other, "/visit", 503)):
            assert get(browser, path).status_code == status

        handled = application(sessions)

        @handled.errorhandler(StoreUnavailableError)
        def mine(error: StoreUnavailableError) -> Any:
            return f"mine: {error.code}", 502

        late, cookie = handled.test_client(use_cookies=False), {"Cookie": f"{COOKIE}={token_of(client)}"}
        for headers in (cookie, {}):
            answer = get(late, "/visit", headers=headers)
            assert (answer.status_code, answer.text) == (502, "mine: ERR_SOJOURN_STORE_UNAVAILABLE")
        own.start()
        assert get(client, "/visit").json["n"] == 1


def test_going_on_as_nobody_while_redis_is_out_of_order(prefix: str) -> None:
    with Server() as own, Sessions(own.url, secrets=SECRETS, prefix=prefix) as sessions:
        client = client_of(application(sessions, lambda request: "fail" if "strict" in request.args else "anonymous"))
        get(client, "/login/ada")
        token = token_of(client)
        own.kill()
        for path, status in (
            ("/read", 200),
            ("/read?strict=1", 503),
            ("/visit", 503),
            ("/logout", 503),
            ("/login/ada", 503),
        ):
            answer = get(client, path)
            assert (path, answer.status_code, "Set-Cookie" in answer.headers) == (path, status, False)
        own.start()
        get(client, "/login/grace")
        assert token_of(client) != token
        assert get(client, "/read").json == {"principal": "grace"}
    with pytest.raises(OptionError, match="outage"):
        SojournSessionInterface(outage="serve-cached")


def test_configuration(server: Server, prefix: str) -> None:
    given: dict[str, Any] = {
        "SOJOURN_REDIS": server.url,
        "SOJOURN_SECRETS": SECRETS,
        "SOJOURN_PREFIX": prefix,
        "SOJOURN_IDLE_TIMEOUT": "1h",
    }
    app = application(None, **given, SESSION_COOKIE_DOMAIN="app.test", SOJOURN_COOKIE={"same_site": "strict"})
    answer = get(client_of(app), "/visit")
    assert answer.headers["Set-Cookie"].endswith("; Path=/; Domain=app.test; HttpOnly; SameSite=Strict; Secure")
    (key,) = server.cli.scan_iter(f"{prefix}:*:s:*")
    assert server.cli.pttl(key) > 59 * 60_000
    assert application(None, **given, SESSION_COOKIE_DOMAIN=False).extensions["sojourn"].cookie_name == COOKIE
    app.extensions["sojourn"].close()
    for option, config in [
        ("redis", {**given, "SOJOURN_REDIS": None}),
        ("secrets", {name: value for name, value in given.items() if name != "SOJOURN_SECRETS"}),
        ("idle_timout", {**given, "SOJOURN_IDLE_TIMOUT": "1h"}),
        ("SESSION_COOKIE_HTTPONLY", {**given, "SESSION_COOKIE_HTTPONLY": False}),
        ("cookie.name", {**given, "SESSION_COOKIE_NAME": "a b"}),
    ]:
        with pytest.raises(OptionError) as caught:
            application(None, **config)
        assert caught.value.option == option
    with pytest.raises(OptionError, match="takes Sessions"):
        SojournSessionInterface("redis://")  # type: ignore[arg-type]
    bare = flask.Flask("bare")
    bare.testing = True
    bare.session_interface = SojournSessionInterface()
    with pytest.raises(OptionError, match="init_app"):
        get(client_of(bare), "/")


class User(UserMixin):
    def __init__(self, name: str) -> None:
        self.id = f"no {name}"
        self.name = name


def with_flask_login(sessions: Sessions) -> flask.Flask:
    app = application(sessions)
    manager = LoginManager(app)
    users = {name: User(name) for name in ("ada", "grace")}
    by_id = {user.id: user for user in users.values()}
    follow_flask_login(app, manager, users.get, principal_of=lambda user: user.name, user_by_id=by_id.get)

    @app.get("/in/<name>")
    def sign_in(name: str) -> Any:
        login_user(users[name], remember="remember" in flask.request.args)
        return current_user.name

    @app.get("/out")
    def sign_out() -> str:
        logout_user()
        return str(current_user.is_authenticated)

    @app.get("/me")
    @login_required
    def me() -> Any:
        return current_user.name

    return app


def test_flask_login(sessions: Sessions) -> None:
    app = with_flask_login(sessions)
    client, node = client_of(app), sessions
    assert get(client, "/me").status_code == 401
    assert token_of(client) is None, "nobody's session is not stored for nothing"
    get(client, "/visit")
    before = token_of(client)
    assert get(client, "/in/ada").text == "ada"
    token = token_of(client)
    assert token != before, "session fixation"
    assert node.open(before).is_new
    assert node.open(token).principal == "ada"
    assert node.open(token)["cart"] == ["apple"]
    assert [get(client, "/me").text for _ in range(2)] == ["ada", "ada"]
    assert get(client, "/in/grace").text == "grace"
    assert "cart" not in node.open(token_of(client)), "Ada's"
    assert get(client, "/out").text == "False"
    assert token_of(client) is None
    assert get(client, "/me").status_code == 401
    assert node.of("grace").list() == []


def test_flask_login_and_another_application(sessions: Sessions) -> None:
    app = with_flask_login(sessions)
    client = client_of(app)

    def elsewhere(fn: Callable[[Any], object]) -> None:
        session = sessions.open(token_of(client))
        fn(session)
        session.commit()
        client.set_cookie(COOKIE, session.token or "", domain="app.test", secure=True)

    get(client, "/visit")
    elsewhere(lambda session: session.login("ada"))
    assert get(client, "/me").text == "ada", "signed in there, signed in here"
    get(client, "/in/ada")
    elsewhere(lambda session: session.login("grace", keep=list(session)))
    assert get(client, "/me").text == "grace", "what Flask-Login has kept is Ada's"
    elsewhere(lambda session: session.login("somebody unknown here"))
    assert get(client, "/me").status_code == 401
    assert sessions.open(token_of(client)).principal == "somebody unknown here", "there they go on"
    get(client, "/in/ada")
    sessions.of("ada").revoke_all()
    assert get(client, "/me").status_code == 401


def test_flask_login_remembers(sessions: Sessions) -> None:
    client = client_of(with_flask_login(sessions))
    get(client, "/in/ada?remember=1")
    token = token_of(client)
    client.delete_cookie(COOKIE, domain="app.test")
    assert get(client, "/me").text == "ada"
    assert sessions.open(token_of(client)).principal == "ada"
    assert token_of(client) != token
    get(client, "/out")
    assert client.get_cookie("remember_token", "app.test") is None
    assert get(client, "/me").status_code == 401


def test_an_id_that_flask_login_has_left_signs_nobody_in(sessions: Sessions) -> None:
    client = client_of(with_flask_login(sessions))
    session = sessions.open()
    session.update({"_user_id": "no ada", "_fresh": True})
    session.commit()
    client.set_cookie(COOKIE, session.token or "", domain="app.test", secure=True)
    assert get(client, "/me").status_code == 401, "another application has signed out, and kept the attributes"


def test_flask_login_while_redis_is_out_of_order(prefix: str) -> None:
    with Server() as own, Sessions(own.url, secrets=SECRETS, prefix=prefix) as sessions:
        client, other = (client_of(app) for app in [with_flask_login(sessions)] * 2)
        get(client, "/in/ada")
        own.kill()
        for browser, path, status in (
            (client, "/unused", 503),
            (client, "/me", 503),
            (other, "/unused", 200),
            (other, "/me", 401),
            (other, "/in/ada", 503),
        ):
            answer = get(browser, path)
            assert (path, answer.status_code) == (path, status)
            assert "Set-Cookie" not in answer.headers
        assert token_of(client) is not None
