"""Whatever nodes there are and whatever is wished: nobody is lost, and nothing depends on order."""

from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from orchestration.allocation.choose import Candidate, Wish, choose

NAMES = st.sampled_from(["a", "b", "c"])
MAYBE = st.none() | st.integers(min_value=0, max_value=3)


@st.composite
def candidate(draw: st.DrawFn, pk: int) -> Candidate:
    closed_for = draw(st.sampled_from(["", "hand", "capacity"]))
    return Candidate(
        pk=pk,
        reference=f"N-{pk}",
        name=f"node-{pk}",
        region=draw(NAMES),
        state="closed" if closed_for else draw(st.sampled_from(["ready", "draining"])),
        closed_for=closed_for,
        free_partitions=draw(st.integers(min_value=0, max_value=3)),
        free_memory_bytes=draw(MAYBE),
        free_disk_bytes=draw(MAYBE),
        is_privileged=draw(st.booleans()),
        shares_customers=draw(st.booleans()),
        country=draw(st.sampled_from(["", "FR", "DE"])),
        network=draw(st.just("") | NAMES),
        labels=draw(st.frozensets(NAMES)),
        dedicated_to=draw(st.sampled_from(["", "O-1/", "O-2/"])),
        customers=draw(st.frozensets(st.integers(1, 2))),
        neighbours=draw(st.frozensets(NAMES)),
        like_in_network=draw(st.sampled_from(["", "I-1"])),
    )


@st.composite
def fleets(draw: st.DrawFn) -> list[Candidate]:
    return [draw(candidate(pk)) for pk in range(draw(st.integers(0, 8)))]


SLAS = st.fixed_dictionaries(
    {},
    optional={
        "region": NAMES,
        "regions": st.lists(NAMES, min_size=1, unique=True),
        "countries": st.lists(st.sampled_from(["FR", "DE"]), min_size=1, unique=True),
        "network": NAMES,
        "with": st.lists(NAMES, min_size=1, unique=True),
        "not_with": st.lists(NAMES, min_size=1, unique=True),
        "unique_by_network": st.booleans(),
        "labels": st.lists(NAMES, min_size=1, unique=True),
        "dedicated": st.booleans(),
        "node": st.sampled_from(["node-1", "N-2"]),
    },
)
WISHES = st.builds(
    Wish,
    organisation=st.just(1),
    path=st.just("O-1/O-3/"),
    memory_bytes=st.integers(0, 3),
    disk_bytes=st.integers(0, 3),
    sla=SLAS,
)


@given(WISHES, fleets(), st.randoms(use_true_random=False))
def test_every_node_fits_or_has_its_reason_in_the_same_order_every_time(
    wish: Wish, fleet: list[Candidate], dice: Random
) -> None:
    ranking = choose(wish, fleet)
    fitting, refused = [one.name for one in ranking.fits], [one.name for one, _ in ranking.refused]
    assert sorted(fitting + refused) == sorted(one.name for one in fleet)
    assert all(reason for _, reason in ranking.refused)
    free = [one.free_partitions for one in ranking.fits]
    assert free == sorted(free, reverse=True)
    assert all(count > 0 for count in free)
    shuffled = dice.sample(fleet, len(fleet))
    assert choose(wish, shuffled).fits == ranking.fits
    assert set(choose(wish, shuffled).refused) == set(ranking.refused)


@given(WISHES, fleets())
def test_a_wish_less_never_fits_worse(wish: Wish, fleet: list[Candidate]) -> None:
    fits = set(choose(wish, fleet).fits)
    for name in wish.sla:
        less: dict[str, Any] = {key: value for key, value in wish.sla.items() if key != name}
        looser = Wish(wish.organisation, wish.path, "", wish.memory_bytes, wish.disk_bytes, less)
        assert fits <= set(choose(looser, fleet).fits)
