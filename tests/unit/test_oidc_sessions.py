"""An issuer's access tokens prove who is asking; nothing else that it or anybody else signs does."""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from joserfc.jwk import ECKey, RSAKey

from shared.adapters.issuer_keys import IssuerKeys, fetch_json
from shared.adapters.oidc_sessions import OidcSessions
from shared.adapters.sessions import ClaimNames, Presented
from shared.domain.identity import Identity, Role
from shared.errors import RequestRefused, TransientError
from tests.issuer import DISCOVERY, JWKS, Issuer, ec_key, encoded, rsa_key, says

ANNA = Identity(tenant_id="acme", user_id="anna", role=Role.ENGINEER)
INVALID = (401, "session_invalid")
MISSING = (401, "session_missing")


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with Issuer() as one:
        yield one


class Door:
    """One process of ours, which keeps the issuer's keys between requests."""

    def __init__(self, issuer: Issuer, claim: Literal["aud", "client_id"] = "aud") -> None:
        self._sessions = OidcSessions(
            IssuerKeys(issuer.url, fetch_json),
            issuer=issuer.url,
            audience="linefeed",
            audience_claim=claim,
            names=ClaimNames("tenant", "role"),
        )
        self.now = datetime.now(UTC)

    def open(self, token: str, **presented: Any) -> Identity:
        """Whom a bearer token proves, whenever it ends."""
        given = {"method": "POST", "authorization": f"Bearer {token}"} | presented
        identity = self._sessions.identify(Presented(**given), self.now)
        assert identity.valid_until is not None
        return identity.model_copy(update={"valid_until": None})

    def refusal(self, token: str, **presented: Any) -> tuple[int, str]:
        """How it is refused."""
        with pytest.raises(RequestRefused) as caught:
            self.open(token, **presented)
        return caught.value.status, caught.value.code


# What opens


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (rsa_key("k"), "RS256"),
        (rsa_key("k"), "RS512"),
        (rsa_key("k"), "PS256"),
        (ec_key("k"), "ES256"),
        (ec_key("k", "P-384"), "ES384"),
    ],
)
def test_a_token_of_the_issuers_key_opens(issuer: Issuer, key: RSAKey | ECKey, algorithm: str) -> None:
    """Under each algorithm that the key is for."""
    issuer.keys = [key.as_dict(private=False)]
    assert Door(issuer).open(issuer.token(key, {"alg": algorithm})) == ANNA


@pytest.mark.parametrize("typ", [None, "JWT", "at+jwt", "AT+JWT", "application/at+jwt"])
def test_access_tokens_are_typed_in_several_ways(issuer: Issuer, typ: str | None) -> None:
    """RFC 9068 has a type for them, which most issuers do not use."""
    assert Door(issuer).open(issuer.token(header={"typ": typ, "x5t": "AAAA"})) == ANNA


def test_a_token_may_be_for_several(issuer: Issuer) -> None:
    """As long as we are among them."""
    assert Door(issuer).open(issuer.token(aud=["other", "linefeed"])) == ANNA


def test_cognitos_access_tokens_name_the_client(issuer: Issuer) -> None:
    """They have no audience; `token_use` tells them from ID tokens."""
    door = Door(issuer, "client_id")
    assert door.open(issuer.token(aud=None, client_id="linefeed", token_use="access")) == ANNA
    for changes in (
        {"aud": "linefeed", "client_id": None, "token_use": "id"},
        {"aud": None, "client_id": "linefeed", "token_use": "id"},
        {"aud": None, "client_id": "linefeed"},
        {"aud": None, "client_id": "other", "token_use": "access"},
        {"aud": "linefeed", "token_use": "access"},
    ):
        assert door.refusal(issuer.token(**changes)) == INVALID


def test_clocks_may_differ_by_some_seconds(issuer: Issuer) -> None:
    """The end and the beginning."""
    door = Door(issuer)
    now = int(door.now.timestamp())
    assert door.open(issuer.token(exp=now - 10, nbf=now + 10, iat=now + 10)) == ANNA


# What does not


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": None},
        {"iss": "https://issuer.example"},
        {"iss": ["x"]},
        {"aud": None},
        {"aud": "other"},
        {"aud": []},
        {"aud": ["other", "linefeed2"]},
        {"aud": {"linefeed": True}},
        {"exp": None},
        {"exp": "9999999999"},
        {"exp": True},
        {"exp": 1},
        {"nbf": 9_999_999_999},
        {"iat": 9_999_999_999},
        {"sub": None},
        {"sub": 7},
        {"tenant": None},
        {"tenant": "a/b"},
        {"role": None},
        {"role": ["admin"]},
        {"role": "root"},
        {"token_use": "id"},
        {"at_hash": "x"},
        {"c_hash": "x"},
        {"typ": "ID"},
        {"typ": "Refresh"},
    ],
    ids=str,
)
def test_claims_must_be_those_of_an_access_token_for_us(issuer: Issuer, changes: dict[str, Any]) -> None:
    """An ID token, another issuer's or another API's token, one that has ended or not begun."""
    assert Door(issuer).refusal(issuer.token(**changes)) == INVALID


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
@pytest.mark.parametrize("form", ["pem", "der", "jwk", "modulus", "empty"])
def test_the_public_key_is_no_secret(issuer: Issuer, algorithm: str, form: str) -> None:
    """Anybody can sign under HS256 with what the issuer publishes, in whatever form it is taken."""
    key = rsa_key("rsa-1")
    public = RSAKey.import_key(key.as_dict(private=False))
    secret = {
        "pem": public.as_pem(),
        "der": public.as_der(),
        "jwk": json.dumps(issuer.keys[0]).encode(),
        "modulus": str(public.as_dict()["n"]).encode(),
        "empty": b"",
    }[form]
    header = encoded({"alg": algorithm, "kid": "rsa-1"})
    signed = f"{header}.{encoded(issuer.claims())}"
    signature = hmac.digest(secret, signed.encode(), f"sha{algorithm[2:]}")
    assert Door(issuer).refusal(f"{signed}.{encoded(signature)}") == INVALID


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "", "EdDSA", "ES256K", "dir", "RS256 "])
@pytest.mark.parametrize("signature", ["", "AAAA"])
def test_other_algorithms_are_none(issuer: Issuer, algorithm: str, signature: str) -> None:
    """Least of all `none`."""
    header = encoded({"alg": algorithm, "kid": "rsa-1"})
    token = f"{header}.{encoded(issuer.claims())}.{signature}"
    assert Door(issuer).refusal(token) == INVALID


def test_a_key_is_for_its_own_algorithm(issuer: Issuer) -> None:
    """By its kind, its curve and the `alg` that the issuer gave it."""
    door = Door(issuer)
    assert door.refusal(issuer.token(header={"alg": "PS256"})) == INVALID  # the key says RS256
    assert door.refusal(issuer.token(header={"alg": "RS512"})) == INVALID
    assert door.refusal(issuer.token(ec_key("rsa-1"), {"alg": "ES256"})) == INVALID
    assert door.refusal(issuer.token(rsa_key("ec-1"), {"alg": "RS256"})) == INVALID
    assert door.refusal(issuer.token(ec_key("ec-1", "P-384"), {"alg": "ES384"})) == INVALID
    head, _, rest = issuer.token(ec_key("ec-1"), {"alg": "ES256"}).partition(".")
    assert head
    relabelled = encoded({"alg": "RS256", "kid": "ec-1"})
    assert door.refusal(f"{relabelled}.{rest}") == INVALID


@pytest.mark.parametrize(
    "jwk",
    [
        {"kty": "oct", "k": encoded(b"x" * 32), "alg": "HS256"},
        {**rsa_key("k").as_dict(private=False), "use": "enc"},
        {**rsa_key("k").as_dict(private=False), "key_ops": ["encrypt"]},
        {"kty": "OKP", "crv": "Ed25519", "x": encoded(b"x" * 32)},
        {"kty": "EC", "crv": "P-256", "x": encoded(b"x" * 32), "y": encoded(b"x" * 32)},
        {"kty": "RSA", "n": "!", "e": "AQAB"},
        {"kty": ["RSA"]},
        {},
    ],
    ids=lambda jwk: f"{jwk.get('kty')} {jwk.get('use', '')}{jwk.get('crv', '')}",
)
def test_keys_for_other_ends_are_left_alone(issuer: Issuer, jwk: dict[str, Any]) -> None:
    """They prove nothing, and do not stand in the way of those that do."""
    issuer.keys = [{**jwk, "kid": "rsa-1"}, *issuer.keys]
    door = Door(issuer)
    assert door.refusal(issuer.token(rsa_key("k"), {"kid": "rsa-1"})) == INVALID
    assert door.open(issuer.token()) == ANNA


@pytest.mark.filterwarnings("ignore:Key size")
def test_a_key_that_is_too_short_proves_nothing(issuer: Issuer) -> None:
    """Others could have found its private half."""
    key = RSAKey.generate_key(1024, {"kid": "weak"})
    issuer.keys.append(key.as_dict(private=False))
    assert Door(issuer).refusal(issuer.token(key)) == INVALID


@pytest.mark.parametrize(
    "header",
    [
        {"jku": "https://keys.example/jwks"},
        {"jwk": rsa_key("mine").as_dict(private=False)},
        {"x5u": "https://keys.example/cert"},
        {"x5c": ["AAAA"]},
        {"cty": "JWT"},
        {"p2c": 1},
        {"zip": "DEF"},
        {"crit": []},
        {"crit": ["exp"], "exp": 1},
        {"b64": True},
        {"crit": ["b64"], "b64": True},
        {"kid": None},
        {"kid": ""},
        {"typ": "dpop+jwt"},
        {"typ": "logout+jwt"},
        {"typ": ""},
    ],
    ids=" ".join,
)
def test_the_header_names_a_key_of_the_issuer_and_no_more(issuer: Issuer, header: dict[str, Any]) -> None:
    """A token does not bring the key that it is to be checked with."""
    door = Door(issuer)
    assert door.refusal(issuer.token(header=header)) == INVALID
    assert door.refusal(issuer.token(rsa_key("mine"), header={"kid": "rsa-1", **header})) == INVALID


def test_another_key_under_the_same_name_proves_nothing(issuer: Issuer) -> None:
    """The signature counts, and not the `kid`."""
    assert Door(issuer).refusal(issuer.token(rsa_key("mine"), header={"kid": "rsa-1"})) == INVALID


def test_a_token_with_one_changed_letter_proves_nothing(issuer: Issuer) -> None:
    """Wherever it stands."""
    door, token = Door(issuer), issuer.token()
    assert door.open(token) == ANNA
    for place in range(0, len(token), 11):
        changed = "A" if token[place] != "A" else "B"
        assert door.refusal(token[:place] + changed + token[place + 1 :]) == INVALID
    for end in (token[:-1], token + "A", token + ".", token.rpartition(".")[0], token.rpartition(".")[0] + "."):
        assert door.refusal(end) == INVALID


def test_cookies_are_nobodys(issuer: Issuer) -> None:
    """An issuer's tokens come as bearer tokens alone."""
    cookies = (f"authjs.session-token={issuer.token()}", f"session={issuer.token()}")
    assert Door(issuer).refusal("", authorization=None, cookies=cookies) == MISSING
    assert Door(issuer).refusal("") == MISSING


@given(text=st.one_of(st.text(), st.from_regex(r"[\w-]*(\.[\w-]*){0,4}", fullmatch=True)))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_is_refused_and_nothing_breaks(issuer: Issuer, text: str) -> None:
    """As a token, and as any part of one; the issuer is not asked for each."""
    door = Door(issuer)
    header = encoded({"alg": "RS256", "kid": "rsa-1"})
    for candidate in (text, f"{header}.{text}", f"{header}.{text}.AAAA", encoded(text.encode("utf-8", "replace"))):
        assert door.refusal(candidate) in (INVALID, MISSING)


# The issuer's keys, as the door has them


def test_keys_are_fetched_once(issuer: Issuer) -> None:
    """And not for a request that brings no token of the issuer's kind."""
    door = Door(issuer)
    signed_by_nobody = f"{encoded({'alg': 'none', 'kid': 'rsa-1'})}.{encoded(issuer.claims())}."
    with_a_secret = f"{encoded({'alg': 'HS256', 'kid': 'rsa-1'})}.{encoded(issuer.claims())}.AAAA"
    for token in ("", "x", "a.b.c", issuer.token(header={"kid": None}), signed_by_nobody, with_a_secret):
        door.refusal(token)
    assert not issuer.fetched
    for _ in range(5):
        door.open(issuer.token())
    assert issuer.fetched == {DISCOVERY: 1, JWKS: 1}


def test_a_new_key_is_found_when_it_is_used(issuer: Issuer) -> None:
    """An issuer that rotates its keys does not wait for us."""
    door = Door(issuer)
    door.open(issuer.token())
    issuer.keys.append(rsa_key("rsa-2").as_dict(private=False))
    door.now += timedelta(seconds=31)
    assert door.open(issuer.token(rsa_key("rsa-2"))) == ANNA
    assert issuer.fetched[JWKS] == 2


def test_unknown_keys_make_no_storm(issuer: Issuer) -> None:
    """A hundred made-up ones a second, for two minutes: the issuer hears of it every half minute."""
    door = Door(issuer)
    tokens = [issuer.token(header={"kid": f"made-up-{number}"}) for number in range(10)]
    for tick in range(1200):
        assert door.refusal(tokens[tick % 10]) == INVALID
        door.now += timedelta(seconds=0.1)
    assert issuer.fetched[JWKS] <= 5
    door.now = datetime.now(UTC)
    assert door.open(issuer.token()) == ANNA


def test_a_withdrawn_key_ends(issuer: Issuer) -> None:
    """Within ten minutes."""
    door = Door(issuer)
    token = issuer.token(exp=int(door.now.timestamp()) + 3600)
    assert door.open(token) == ANNA
    issuer.keys = issuer.keys[1:]
    door.now += timedelta(minutes=9)
    assert door.open(token) == ANNA
    door.now += timedelta(minutes=1, seconds=1)
    assert door.refusal(token) == INVALID


def test_an_issuer_that_is_down_is_no_fault_of_the_caller(issuer: Issuer) -> None:
    """Nobody is told that their session is bad when we cannot know; and the issuer is not asked each time."""
    issuer.answers[JWKS] = says(503)
    door = Door(issuer)
    for _ in range(20):
        with pytest.raises(TransientError):
            door.open(issuer.token())
    assert issuer.fetched[JWKS] == 1
    del issuer.answers[JWKS]
    door.now += timedelta(seconds=11)
    assert door.open(issuer.token()) == ANNA


def test_known_keys_outlast_a_short_failure(issuer: Issuer) -> None:
    """For an hour; what is unknown cannot be told meanwhile."""
    door = Door(issuer)
    token = issuer.token(exp=int(door.now.timestamp()) + 7200)
    assert door.open(token) == ANNA
    issuer.answers[DISCOVERY] = says(500)
    for minutes in (11, 30, 59):
        door.now = datetime.now(UTC) + timedelta(minutes=minutes)
        assert door.open(token) == ANNA
        with pytest.raises(TransientError):
            door.open(issuer.token(rsa_key("new")))
    door.now = datetime.now(UTC) + timedelta(minutes=61)
    with pytest.raises(TransientError):
        door.open(token)
