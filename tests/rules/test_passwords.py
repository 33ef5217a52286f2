"""The rule for passwords."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.domains.identity.rules.passwords import Weakness, common_passwords, is_common, weaknesses

GOOD = "Quiet-Harbour-77"


@pytest.mark.parametrize(
    "password", [GOOD, "Abcdefgh1!", "Ünïcöde-Straße9", "correct Horse battery 9.", "aA1" + "!" * 7, "Zq8$vTn2Lk"]
)
def test_good(password: str) -> None:
    assert weaknesses(password) == []


@pytest.mark.parametrize(
    ("password", "lacks"),
    [
        ("Quiet-Har7", []),
        ("Quiet-Ha7", [Weakness.TOO_SHORT]),
        ("quiet-harbour-77", [Weakness.NO_UPPER]),
        ("QUIET-HARBOUR-77", [Weakness.NO_LOWER]),
        ("Quiet-Harbour-xy", [Weakness.NO_DIGIT]),
        ("QuietHarbour77", [Weakness.NO_SPECIAL]),
        ("Quiet Harbour 77", [Weakness.NO_SPECIAL]),
        ("", [*Weakness][:5]),
        ("Password123!", [Weakness.COMMON]),
        ("P@ssw0rd123!", [Weakness.COMMON]),
        ("!1Password2", [Weakness.COMMON]),
        ("Qwertyuiop1!", [Weakness.COMMON]),
        (
            "123456",
            [Weakness.TOO_SHORT, Weakness.NO_UPPER, Weakness.NO_LOWER, Weakness.NO_SPECIAL, Weakness.COMMON],
        ),
    ],
)
def test_what_it_lacks(password: str, lacks: list[Weakness]) -> None:
    assert weaknesses(password) == lacks


def test_a_common_word_among_others_is_no_common_password() -> None:
    assert not is_common("Password-of-Harbour-77")
    assert not is_common("Dragon-2041-Lantern")


def test_the_list_is_a_list() -> None:
    assert len(common_passwords()) > 20_000
    assert {"password", "123456", "letmein"} <= common_passwords()


@given(st.sampled_from(sorted(common_passwords())), st.sampled_from(["", "!", "1!", "12!?", "2030"]))
def test_nothing_of_the_list_is_good_with_a_few_characters_behind_it(word: str, decoration: str) -> None:
    assert Weakness.COMMON in weaknesses(word.capitalize() + decoration)


@given(st.text(max_size=256))
def test_every_text_is_judged(password: str) -> None:
    found = weaknesses(password)
    assert (Weakness.TOO_SHORT in found) == (len(password) < 10)
