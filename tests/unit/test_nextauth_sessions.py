"""What the real packages made opens; what anybody else made, or made of it, proves nothing."""

from __future__ import annotations

import base64
import json
import re
import secrets as randomness
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from local.sessions import PEOPLE, make_token
from shared.adapters.nextauth_sessions import NextAuthSessions, parse_secrets
from shared.adapters.sessions import ClaimNames, Presented
from shared.domain import object_keys
from shared.domain.identity import Identity, Role
from shared.errors import RequestRefused
from tests.nextauth.packages import FOLDER, Made, Wanted, make_sessions

SECRET = "a secret of the app, with spaces and ümlauts"
OLD_SECRET = "the secret before that one"
PAGE = "https://app.example.com"
OTHER_APP = "https://plant.example.com"
NOW = datetime.now(UTC)
CLAIMS = {"sub": "anna", "name": "Anna Berg", "tenant": "acme", "role": "engineer"}
ANNA = Identity(tenant_id="acme", user_id="anna", role=Role.ENGINEER)
V4, V5 = "next-auth.session-token", "authjs.session-token"
NAMES = (V4, f"__Secure-{V4}", V5, f"__Secure-{V5}")
CLAIM_NAMES = ClaimNames("tenant", "role")
LONG = {**CLAIMS, "groups": "x" * 30_000}
"""Long enough for more than ten chunks, whose order by text is not that by number."""


@cache
def made() -> dict[str, Made]:
    """Every session of the real packages that a test needs, made once."""
    wanted = {name: Wanted(name, SECRET, CLAIMS) for name in NAMES}
    wanted |= {f"long {name}": Wanted(name, SECRET, LONG) for name in NAMES}
    wanted |= {f"old {name}": Wanted(name, OLD_SECRET, CLAIMS) for name in NAMES}
    wanted |= {f"ended {name}": Wanted(name, SECRET, CLAIMS, max_age=-16) for name in NAMES}
    wanted |= {f"just ended {name}": Wanted(name, SECRET, CLAIMS, max_age=-5) for name in NAMES}
    for kind in ("pkce.code_verifier", "state", "nonce"):
        wanted |= {f"{kind} v4": Wanted(V4, SECRET, {**CLAIMS, "value": "x"}, salt=f"next-auth.{kind}")}
        wanted |= {f"{kind} v5": Wanted(V5, SECRET, {**CLAIMS, "value": "x"}, salt=f"authjs.{kind}")}
    wanted |= {"state of old": Wanted(V4, SECRET, {"state": "x", "tenant": "acme", "role": "admin"})}
    return make_sessions(wanted)


@cache
def made_at() -> datetime:
    """The present for all tests, which may come minutes after the packages looked at the clock."""
    made()
    return datetime.now(UTC)


def opened(
    token: str = "",
    *,
    cookies: tuple[str, ...] = (),
    secrets: str = SECRET,
    names: ClaimNames = CLAIM_NAMES,
    **presented: Any,
) -> Identity:
    """Who a bearer token or cookies prove, whenever it ends."""
    return proven(token, cookies=cookies, secrets=secrets, names=names, **presented).model_copy(
        update={"valid_until": None}
    )


def proven(
    token: str,
    *,
    cookies: tuple[str, ...] = (),
    secrets: str = SECRET,
    names: ClaimNames = CLAIM_NAMES,
    **presented: Any,
) -> Identity:
    """The same, with its end."""
    sessions = NextAuthSessions(lambda: secrets, page_origins=[PAGE, OTHER_APP], names=names)
    given = {"method": "GET", "authorization": f"Bearer {token}" if token else None, "cookies": cookies} | presented
    return sessions.identify(Presented(**given), made_at())


def refusal(*args: Any, **kwargs: Any) -> tuple[int, str]:
    with pytest.raises(RequestRefused) as caught:
        opened(*args, **kwargs)
    return caught.value.status, caught.value.code


INVALID = (401, "session_invalid")
MISSING = (401, "session_missing")


def derived(secret: str, salt: str, info: str, length: int) -> bytes:
    return HKDF(SHA256(), length, salt=salt.encode(), info=info.encode()).derive(secret.encode())


def encoded(data: bytes | str) -> str:
    return base64.urlsafe_b64encode(data.encode() if isinstance(data, str) else data).rstrip(b"=").decode()


def forged(claims: Any = None, *, secret: str = SECRET, key_part: str = "", **header: Any) -> str:
    """A v4 token with any header and claims, encrypted as whoever knows a secret could."""
    written = encoded(json.dumps({"alg": "dir", "enc": "A256GCM"} | header))
    text = claims if isinstance(claims, str) else json.dumps(lasting(claims or {}))
    key = derived(secret, "", "NextAuth.js Generated Encryption Key", 32)
    iv = randomness.token_bytes(12)
    sealed = AESGCM(key).encrypt(iv, text.encode(), written.encode())
    return ".".join([written, key_part, encoded(iv), encoded(sealed[:-16]), encoded(sealed[-16:])])


def lasting(changes: dict[str, Any]) -> dict[str, Any]:
    """Claims of a session that has not ended; a change to None takes a claim away."""
    whole = {**CLAIMS, "exp": int(NOW.timestamp()) + 86_400, **changes}
    return {name: value for name, value in whole.items() if value is not None}


# What opens


@pytest.mark.parametrize("name", NAMES)
def test_a_session_opens_as_cookie_and_as_bearer_token(name: str) -> None:
    """Of both versions, with and without the prefix for TLS."""
    session = made()[name]
    assert opened(session.token) == ANNA
    assert opened(cookies=("theme=dark", *session.cookies)) == ANNA


@pytest.mark.parametrize("name", NAMES)
def test_a_long_session_is_put_together_from_its_chunks(name: str) -> None:
    """By their numbers, in whatever order they come."""
    cookies = made()[f"long {name}"].cookies
    assert len(cookies) > 10
    assert opened(cookies=cookies) == opened(cookies=tuple(sorted(cookies))) == opened(cookies=cookies[::-1]) == ANNA


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("secrets", [f"{SECRET}\n{OLD_SECRET}\n", json.dumps([SECRET, OLD_SECRET])])
def test_sessions_outlive_the_rotation_of_the_secret(name: str, secrets: str) -> None:
    """As long as the old secret stands behind the new one."""
    assert opened(made()[name].token, secrets=secrets) == ANNA
    assert opened(cookies=made()[f"old {name}"].cookies, secrets=secrets) == ANNA
    assert refusal(made()[f"old {name}"].token) == INVALID


@pytest.mark.parametrize("name", NAMES)
def test_clocks_may_differ_by_some_seconds(name: str) -> None:
    """As the packages themselves allow."""
    assert opened(made()[f"just ended {name}"].token) == ANNA
    assert refusal(made()[f"ended {name}"].token) == INVALID


def test_the_local_runs_tokens_are_as_the_packages_make_them() -> None:
    """Otherwise the local run would try something else than what is deployed."""
    assert opened(make_token(SECRET, PEOPLE[0])).user_id == PEOPLE[0].user


def test_tenant_and_role_stand_where_the_settings_say() -> None:
    """An app that already has names for them keeps these."""
    token = forged({"https://acme.example/org": "acme", "tenant": "other", "job": "viewer"})
    named = opened(token, names=ClaimNames("https://acme.example/org", "job"))
    assert (named.tenant_id, named.role) == ("acme", Role.VIEWER)


def test_a_bearer_token_goes_before_the_cookies() -> None:
    """A bad one is not made good by a cookie that happens to be there."""
    assert refusal("no.such.token", cookies=made()[V5].cookies) == INVALID


def test_a_cookie_that_came_over_tls_goes_before_others() -> None:
    """Whoever can set a cookie for the site without TLS cannot put their session in its place."""
    plain = f"{V4}={forged({'sub': 'mallory'})}"
    assert opened(cookies=(plain, *made()[f"__Secure-{V4}"].cookies)) == ANNA


@pytest.mark.parametrize("tenant", ["acme", "7f0c-4a", "acme & söhne", "auth0|1:2", "工場"])
def test_a_tenant_can_be_told_from_its_keys(tenant: str) -> None:
    """Whatever a tenant is called, an object's key leads back to it."""
    key = object_keys.incoming(opened(forged({"tenant": tenant})).tenant_id, "id", "csv")
    assert object_keys.parse_incoming(key) == (tenant, "id")


# What does not


@pytest.mark.parametrize("tenant", ["", "a/b", "../acme", ".", "a#b", "a\x00", "a\nb", "x" * 101, 7, ["acme"], None])
def test_a_tenant_that_would_mix_up_keys_is_nobody(tenant: object) -> None:
    """A slash or a `#` in a tenant's name would let it reach into keys that are another's."""
    assert refusal(forged({"tenant": tenant})) == INVALID


@pytest.mark.parametrize("role", ["", "root", "Admin", 1, ["admin"], None])
def test_a_role_that_is_none_of_ours_opens_nothing(role: object) -> None:
    """Nobody is let in with less than a role."""
    assert refusal(forged({"role": role})) == INVALID


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"authorization": ""},
        {"authorization": "Bearer"},
        {"authorization": "Bearer  "},
        {"authorization": "Basic eDp5"},
        {"cookies": ("theme=dark", "authjs.session-token", "authjs.session-token=", "=x", "")},
    ],
)
def test_no_session_is_another_refusal(given: dict[str, Any]) -> None:
    """Who has not signed in is told so."""
    assert refusal(**given) == MISSING


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "other", ["session-token", "x{}", "{}x", "{}.", "{}.x", "{}.00", "{}.-1", "{}.0.0", "{}.1", "__Host-{}", "%7E{}"]
)
def test_only_the_exact_names_are_looked_at(name: str, other: str) -> None:
    """Other cookies, some of them encrypted with the same secret, belong to others."""
    for written in (other.format(name), name.upper()):
        assert refusal(cookies=(f"{written}={made()[name].token}",)) == MISSING


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("other", NAMES)
def test_a_session_counts_under_its_own_name_alone(name: str, other: str) -> None:
    """In v5 the name is part of the key, and the name says which version's encryption is expected."""
    cookies = (f"{other}={made()[name].token}",)
    if name == other or (V4 in name and V4 in other):  # v4 has one key for both
        assert opened(cookies=cookies) == ANNA
    else:
        assert refusal(cookies=cookies) == INVALID


@pytest.mark.parametrize("name", [V4, V5])
def test_a_missing_chunk_ends_the_session(name: str) -> None:
    """The first, one in the middle or the last."""
    cookies = made()[f"long {name}"].cookies
    for missing in (0, 5, len(cookies) - 1):
        assert refusal(cookies=cookies[:missing] + cookies[missing + 1 :]) in (INVALID, MISSING)


@pytest.mark.parametrize("name", [V4, V5])
def test_chunks_whose_numbers_were_swapped_prove_nothing(name: str) -> None:
    """Every byte of a token is under its seal."""
    values = [cookie.partition("=")[2] for cookie in made()[f"long {name}"].cookies]
    values[1], values[2] = values[2], values[1]
    assert refusal(cookies=tuple(f"{name}.{number}={value}" for number, value in enumerate(values))) == INVALID


@pytest.mark.parametrize("name", [V4, V5])
def test_what_is_kept_during_a_sign_in_is_no_session(name: str) -> None:
    """PKCE, state and nonce are encrypted with the same secret, and once had the same key (CVE-2023-48309)."""
    version = "v4" if name == V4 else "v5"
    for kind in ("pkce.code_verifier", "state", "nonce"):
        token = made()[f"{kind} {version}"].token
        assert refusal(token) == INVALID
        assert refusal(cookies=(f"{name}={token}",)) == INVALID
    assert refusal(made()["state of old"].token) == INVALID


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": None},
        {"exp": str(int(NOW.timestamp()) + 86_400)},
        {"exp": True},
        {"exp": [2**40]},
        {"exp": float("nan")},
        {"exp": float("inf")},
        {"exp": int(NOW.timestamp()) - 16},
        {"exp": -1},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"sub": ["anna"]},
        {"nbf": int(NOW.timestamp()) + 86_400},
        "[]",
        '"anna"',
        "{",
        "",
        "\ud800".encode("utf-8", "surrogatepass").decode("latin-1"),
    ],
)
def test_claims_must_be_those_of_a_session(claims: Any) -> None:
    """Also where whoever made them knew the secret."""
    assert opened(forged({})) == ANNA
    assert refusal(forged(claims)) == INVALID


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none"},
        {"alg": "A256KW"},
        {"alg": "A256GCMKW", "iv": "AAAAAAAAAAAAAAAA", "tag": "AAAAAAAAAAAAAAAAAAAAAA"},
        {"alg": "PBES2-HS256+A128KW", "p2s": "AAAAAAAAAAA", "p2c": 2**31},
        {"alg": "RSA-OAEP"},
        {"alg": "A256GCM", "enc": "dir"},
        {"alg": "HS256"},
        {"alg": None},
        {"alg": ["dir"]},
        {"enc": "A128GCM"},
        {"enc": "A128CBC-HS256"},
        {"enc": "A256CBC-HS512"},
        {"enc": None},
        {"jku": "https://keys.example/jwks"},
        {"jwk": {"kty": "oct", "k": "AAAA"}},
        {"x5u": "https://keys.example/cert"},
        {"x5c": ["AAAA"]},
        {"zip": "DEF"},
        {"crit": ["exp"]},
        {"crit": []},
        {"b64": False},
        {"p2c": 2**31},
        {"typ": "JWT"},
        {"cty": "JWT"},
        {"kid": "x"},
    ],
    ids=str,
)
def test_the_header_is_exactly_the_versions(header: dict[str, Any]) -> None:
    """Nothing in it chooses an algorithm, a key, a cost or a meaning."""
    assert refusal(forged(**header)) == INVALID


@pytest.mark.parametrize("key_part", ["AAAA", encoded(b"0" * 32), "=", " ", "!"])
def test_the_key_is_never_in_the_token(key_part: str) -> None:
    """A token encrypted with `dir` has no key part."""
    assert refusal(forged(key_part=key_part)) == INVALID


def test_it_is_known_when_a_session_ends() -> None:
    """What is opened with it ends then, too; a time that no calendar has is the end of all."""
    ends = int(NOW.timestamp()) + 86_400
    assert proven(forged({"exp": ends})).valid_until == datetime.fromtimestamp(ends, UTC)
    assert proven(forged({"exp": 2**62})).valid_until == datetime(9999, 12, 31, tzinfo=UTC)


@pytest.mark.parametrize("secret", ["", "a guess", SECRET + " ", OLD_SECRET])
def test_only_the_secret_makes_sessions(secret: str) -> None:
    """Nor does an empty one, which an app that was not configured would have."""
    assert refusal(forged(secret=secret)) == INVALID


def test_a_signed_token_is_no_encrypted_one() -> None:
    """Neither without a signature nor with one made from the secret."""
    body = encoded(json.dumps(lasting({})))
    for header in ({"alg": "none"}, {"alg": "HS256"}, {"alg": "dir", "enc": "A256GCM"}):
        for signature in ("", encoded(b"0" * 32)):
            assert refusal(f"{encoded(json.dumps(header))}.{body}.{signature}") == INVALID


@pytest.mark.parametrize("name", [V4, V5])
def test_a_token_with_one_changed_letter_proves_nothing(name: str) -> None:
    """Wherever it stands."""
    token = made()[name].token
    for place in range(0, len(token), 7):
        changed = "A" if token[place] != "A" else "B"
        assert refusal(token[:place] + changed + token[place + 1 :]) == INVALID
    for end in (token[:-1], token[:-2], token + "A", token + ".", token.rpartition(".")[0], f"{token}=="):
        assert refusal(end) == INVALID


@given(st.one_of(st.text(), st.from_regex(r"[\w-]*(\.[\w-]*){0,6}", fullmatch=True)))
def test_any_text_is_refused_and_nothing_breaks(text: str) -> None:
    """As a token, as a token's header, as cookies."""
    token = f"{encoded(text.encode('utf-8', 'replace'))}..AAAA.AAAA.AAAA"
    header = encoded(json.dumps({"alg": "dir", "enc": "A256GCM"}))
    for candidate in (text, token, f"{header}.{text}", f"{header}..{text}"):
        assert refusal(authorization=f"Bearer {candidate}") in (INVALID, MISSING)
        assert refusal(cookies=(candidate, f"{V4}={candidate}", f"{V5}={candidate}")) in (INVALID, MISSING)


@pytest.mark.parametrize(
    "header", ["[" * 700, "[" * 100_000, '["alg","enc"]', '"alg enc"', "7", "null", '{"alg":"dir"}']
)
def test_a_header_that_is_none_is_refused(header: str) -> None:
    """JSON of another shape is an answer of 401, and no failure of ours."""
    assert refusal(f"{encoded(header)}..AAAA.AAAA.AAAA") == INVALID


@pytest.mark.parametrize("secrets", ["", " \n ", "[]", '[""]'])
def test_without_a_secret_nobody_is_let_in(secrets: str) -> None:
    """It is our fault and told as such, and no key is made of nothing."""
    with pytest.raises(ValueError, match="empty"):
        opened(forged(secret=""), secrets=secrets)


def test_secrets_are_one_a_line_or_a_list() -> None:
    """Newest first, without the blanks that editors leave."""
    assert parse_secrets("new\r\nold \n\n") == parse_secrets('[ "new", "old" ]') == ("new", "old")


# Whose page asks


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize(
    ("asked_by", "allowed"),
    [
        ({"origin": PAGE}, True),
        ({"origin": PAGE, "fetch_site": "cross-site"}, True),
        ({"origin": OTHER_APP}, True),
        ({"fetch_site": "same-origin"}, True),
        ({"fetch_site": "same-site"}, True),
        ({}, False),
        ({"fetch_site": "cross-site"}, False),
        ({"fetch_site": "none"}, False),
        ({"origin": "null", "fetch_site": "same-origin"}, False),
        ({"origin": "https://evil.example.com", "fetch_site": "same-site"}, False),
        ({"origin": f"{PAGE}.evil.example"}, False),
        ({"origin": f"{PAGE}:8443"}, False),
        ({"origin": "http://app.example.com"}, False),
        ({"origin": ""}, False),
        ({"origin": f"{PAGE},{PAGE}"}, False),
    ],
)
def test_only_pages_that_were_named_change_something_with_a_cookie(
    method: str, asked_by: dict[str, Any], allowed: bool
) -> None:
    """A browser sends the cookie with any page's request; a bearer token is only ever sent on purpose."""
    if allowed:
        assert opened(cookies=made()[V5].cookies, method=method, **asked_by) == ANNA
    else:
        assert refusal(cookies=made()[V5].cookies, method=method, **asked_by) == (403, "origin_refused")
    assert opened(made()[V5].token, method=method, **asked_by) == ANNA
    assert opened(cookies=made()[V5].cookies, method="GET", **asked_by) == ANNA


def test_without_a_page_no_origin_is_ours() -> None:
    """A deployment that was told none does not take an empty one for it."""
    sessions = NextAuthSessions(lambda: SECRET, page_origins=[], names=CLAIM_NAMES)
    for origin in ("", None):
        with pytest.raises(RequestRefused, match="page"):
            sessions.identify(Presented("POST", cookies=made()[V5].cookies, origin=origin), made_at())


def test_refusals_do_not_say_which_check_failed() -> None:
    """One message for all."""
    ended = forged({"exp": int((NOW - timedelta(hours=1)).timestamp())})
    for token in (ended, forged({"sub": None}), forged(secret="guess"), "x"):
        with pytest.raises(RequestRefused, match=re.escape("The session is not valid or has ended")) as caught:
            opened(token)
        assert caught.value.headers == {"WWW-Authenticate": "Bearer"}
        assert not caught.value.details


def test_the_lock_names_every_package_by_its_hash_and_no_other_host() -> None:
    """What `npm ci` installs is what was tried, from wherever it comes."""
    lock = json.loads((FOLDER / "package-lock.json").read_text(encoding="utf-8"))
    packages = {name: package for name, package in lock["packages"].items() if name}
    assert packages
    for name, package in packages.items():
        assert package["integrity"], name
        assert package.get("resolved", "https://registry.npmjs.org/").startswith("https://registry.npmjs.org/"), name
