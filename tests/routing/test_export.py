"""Exports of decisions, read back by small strict parsers of the documented formats."""

from __future__ import annotations

import io
import json
import re
from urllib.parse import unquote

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stagelight.errors import LogError
from stagelight.routing.export import bandit_feedback, obp_lines, save_npz, vw_adf, vw_cb, vw_name
from stagelight.routing.logged import log_of
from stagelight.sink.rows import Decision

NUMBER = r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?"
LABEL = re.compile(rf"(\d+):({NUMBER}):({NUMBER})")
ARM = re.compile(r"\|arm ([^\s|:]+)")
CONTEXT = re.compile(rf"\|context((?: c\d+:{NUMBER})*)")

rows = st.lists(
    st.builds(
        lambda arms, reward, propensity, context: (arms, reward, propensity, context),
        st.lists(st.sampled_from(["small", "large v2", "a|b:c", "größer", "100%"]), min_size=1, unique=True),
        st.none() | st.floats(0, 1),
        st.floats(1e-6, 1),
        st.tuples(st.floats(-1e4, 1e4), st.floats(-1e4, 1e4)),
    ),
    min_size=1,
    max_size=20,
).filter(lambda rows: any(reward is not None for _, reward, _, _ in rows))


def decided(arms, reward, propensity, context, at=0):
    """Return a decision for the first of `arms`, and its reward."""
    return (
        Decision(
            decision_id=str(at),
            arm=arms[0],
            propensity=propensity,
            eligible=tuple(arms),
            context=context,
            observed_at=at,
        ),
        reward,
    )


def read_context(line):
    found = CONTEXT.fullmatch(line)
    assert found, line
    pairs = [feature.split(":") for feature in found[1].split()]
    assert [name for name, _ in pairs] == [f"c{place}" for place in range(len(pairs))]
    return tuple(float(value) for _, value in pairs)


def read_adf(lines):
    """Parse Vowpal Wabbit's text format with action-dependent features: yield (context, arms, chosen, cost, probability)."""
    example = []
    for line in lines:
        assert "\n" not in line
        if line:
            example.append(line)
            continue
        shared, *actions = example
        assert shared.startswith("shared ")
        arms, labels = [], []
        for place, action in enumerate(actions):
            label, bar, rest = action.partition("|")
            arms.append(unquote(ARM.fullmatch(bar + rest)[1]))
            if label:
                assert label.endswith(" ")
                labels.append((place, *LABEL.fullmatch(label.strip()).groups()))
        [(place, action, cost, probability)] = labels
        assert action == "0"
        yield read_context(shared.removeprefix("shared ")), arms, arms[place], float(cost), float(probability)
        example = []
    assert not example


@settings(max_examples=40, deadline=None)
@given(rows)
def test_vowpal_wabbit_s_lines_say_what_was_logged(told):
    """Read back, the lines give the same arms, choices, contexts, costs and probabilities, whatever arms are called."""
    pairs = [decided(*row, at=at) for at, row in enumerate(told)]

    examples = list(read_adf(vw_adf(log_of(pairs))))

    expected = [(decision, reward) for decision, reward in pairs if reward is not None]
    assert len(examples) == len(expected)
    for (context, arms, chosen, cost, probability), (decision, reward) in zip(examples, expected, strict=True):
        assert context == decision.context
        assert sorted(arms) == sorted(decision.eligible)
        assert (chosen, probability) == (decision.arm, decision.propensity)
        assert 1 - cost == pytest.approx(reward, abs=1e-12)


@given(st.text(min_size=1))
def test_any_name_is_one_word_for_vowpal_wabbit(name):
    """Spaces, bars and colons are written so that unquoting gives the name back."""
    written = vw_name(name)

    assert not re.search(r"[\s|:]", written)
    assert unquote(written) == name


def log():
    """Return three decisions among three arms."""
    every = ["small", "medium", "large"]
    return log_of(
        [
            decided(every, 1.0, 0.5, (0.25, -1.0), at=2),
            decided(every[::-1], 0.25, 0.25, (1.0, 0.0), at=1),
            decided(every, None, 0.5, (0.5, 0.5), at=0),
            decided([every[1], every[0], every[2]], 0.0, 0.0125, (0.0, 0.0), at=3),
        ]
    )


def test_vowpal_wabbit_s_plain_lines_number_the_arms():
    """`--cb 3` reads one line per decision: the number of the arm from 1, the cost, the probability, the context."""
    assert list(vw_cb(log())) == [
        "1:0.75:0.25 |context c0:1.0 c1:0.0",
        "3:0.0:0.5 |context c0:0.25 c1:-1.0",
        "2:1.0:0.0125 |context c0:0.0 c1:0.0",
    ]


def test_without_a_context_the_namespace_is_empty():
    """A router that ignores the request exports lines that Vowpal Wabbit reads all the same."""
    lines = list(vw_adf(log_of([decided(["a", "b"], 1.0, 0.5, ())])))

    assert lines == ["shared |context", "0:0.0:0.5 |arm a", "|arm b", ""]


def test_open_bandit_pipeline_s_dictionary_has_its_keys_shapes_and_types():
    """The dictionary holds what `OffPolicyEvaluation` asks of a `bandit_feedback`, and survives as npz."""
    found = bandit_feedback(log())

    assert set(found) == {
        *("n_rounds", "n_actions", "action", "position", "reward", "pscore", "context", "action_context"),
        "action_names",
    }
    assert (found["n_rounds"], found["n_actions"]) == (3, 3)
    assert found["action"].tolist() == [0, 2, 1]
    assert found["action"].dtype.kind == found["position"].dtype.kind == "i"
    assert found["reward"].tolist() == [0.25, 1.0, 0.0]
    assert found["pscore"].tolist() == [0.25, 0.5, 0.0125]
    assert found["context"].shape == (3, 2)
    assert found["action_context"].tolist() == np.eye(3).tolist()
    assert found["action_names"].tolist() == ["large", "medium", "small"]
    file = io.BytesIO()
    save_npz(log(), file)
    file.seek(0)
    with np.load(file, allow_pickle=False) as back:
        assert back["action"].tolist() == [0, 2, 1]


def test_open_bandit_pipeline_s_lines_hold_the_same():
    """The JSON lines give, column by column, the arrays of the dictionary."""
    first, *rest = [json.loads(line) for line in obp_lines(log())]
    whole = bandit_feedback(log())

    assert first == {
        "n_rounds": 3,
        "n_actions": 3,
        "action_names": ["large", "medium", "small"],
        "action_context": np.eye(3).tolist(),
    }
    for key in ("action", "position", "reward", "pscore", "context"):
        assert [line[key] for line in rest] == whole[key].tolist()


@pytest.mark.parametrize("export", [lambda log: list(vw_cb(log)), bandit_feedback, lambda log: list(obp_lines(log))])
def test_formats_without_eligible_arms_refuse_to_forget_them(export):
    """Where an arm could not be chosen now and then, such a format would call it unwanted; whole decisions alone pass."""
    mixed = log_of([decided(["a", "b"], 1.0, 0.5, ()), decided(["a"], 1.0, 1.0, (), at=1)])

    with pytest.raises(LogError, match=r"in 1 of 2 decisions not all of .* `log.whole\(\)` leaves them out"):
        export(mixed)
    export(mixed.whole())
    assert len(mixed.whole()) == 1


def test_a_log_without_a_whole_decision_says_so():
    """If no decision had all arms to choose from there is nothing to keep."""
    parts = log_of([decided(["a", "b"], 1.0, 0.5, ()), decided(["c"], 1.0, 1.0, (), at=1)])

    with pytest.raises(LogError, match="in no decision were all of"):
        parts.whole()


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "nothing to estimate from"),
        ([decided(["a"], None, 1.0, ())], "nothing to estimate from"),
        ([decided(["a"], 1.0, 0.0, ())], "propensity 0.0, expected over 0"),
        ([decided(["a"], 1.0, 1.5, ())], "propensity 1.5"),
        ([decided(["a"], 1.0, float("nan"), ())], "propensity nan"),
        ([decided(["a"], 1.5, 1.0, ())], "reward 1.5, expected a number from 0 to 1"),
        ([decided(["a"], float("nan"), 1.0, ())], "reward nan"),
        ([(Decision(decision_id="x", arm="a", eligible=("b",), observed_at=0), 1.0)], "arm 'a' was not eligible"),
        ([decided(["a"], 1.0, 1.0, ()), decided(["a"], 1.0, 1.0, (1.0,), at=1)], "a context of 1 numbers, the first"),
    ],
)
def test_a_log_that_cannot_be_used_says_which_decision(rows, message):
    """Nothing to learn from, an impossible probability or reward, an arm from nowhere: each is named."""
    with pytest.raises(LogError, match=message):
        log_of(rows)


def test_a_decision_without_eligible_arms_had_its_own():
    """A program that logs only what it chose had, as far as anybody knows, that one choice."""
    found = log_of([(Decision(decision_id="x", arm="a", observed_at=0), 1.0)])

    assert found.arms == ("a",)
    assert found.eligible.tolist() == [[True]]
