"""Junctions: `choose` and `split`, their forms to what runs (rules J1 to J3)."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from journey_engine.define.experiments import ALLOCATE, Experiments, Owners, agrees, runs_of
from journey_engine.define.expressions import Expressions, Names
from journey_engine.define.junction_form import ArmForm, BranchForm, SplitForm
from journey_engine.define.junction_plan import Arm, Branch, Choice, Split, Unit
from journey_engine.define.place import Place, suggestion
from journey_engine.define.plan import END


@dataclass(frozen=True, slots=True, eq=False)
class Locked:
    """The experiments of all journeys, and who owns their buckets by the lock."""

    experiments: Experiments
    owners: Mapping[str, Owners | None]
    """None where the lock is wrong, which was reported."""
    accounts: bool
    """Whether customer.yaml says to which account a customer belongs (rule M3)."""
    holdouts: frozenset[str] = frozenset()
    """Those of policies.yaml: an id draws the same customers, whichever of both it is of."""
    kept: bool = False
    """Whether it is for a version that is kept."""


class Junctions:
    """Compiles the junctions of one journey with these stages."""

    def __init__(
        self, stages: Sequence[str], names: Names, expressions: Expressions, locked: Locked
    ) -> None:
        self._stages = stages
        self._names = names
        self._expressions = expressions
        self._locked = locked

    def choice(self, forms: Sequence[BranchForm], place: Place, types: Sequence[str]) -> Choice:
        """`choose`; its guards may read the event where only `types` lead into the junction."""
        return Choice(
            tuple(self._branch(form, place.at(index), types) for index, form in enumerate(forms))
        )

    def _branch(self, form: BranchForm, place: Place, types: Sequence[str]) -> Branch:
        self._check_target(form, place)
        if form.when is None:
            return Branch("else", form.to, None, form.outcome)
        at = place.at("when")
        when = self._expressions.compile(at, form.when, self._names, types, "bool")
        return Branch(f"when {form.when.strip()}", form.to, when, form.outcome)

    def split(self, form: SplitForm, place: Place) -> Split | None:
        """`split`; None where it is wrong, which was reported."""
        for name, arm in form.arms.items():
            self._check_target(arm, place.at("arms", name))
        if form.unit == "account" and not self._locked.accounts:
            message = "customer.yaml does not say to which account a customer belongs"
            hint = "such as `account: {from: [AccountLinked.account_id]}`"
            place.at("unit").error("SUBJECT_CONFLICT", message, hint)
            return None
        if form.experiment in self._locked.holdouts and not self._locked.kept:
            message = f"a holdout is called `{form.experiment}`, too: both draw the same customers"
            hint = "the arms could not be compared: give one of both another name"
            place.at("experiment").error("EXPERIMENT_HOLDOUT", message, hint)
            return None
        owners = self._locked.owners.get(form.experiment, ())
        known = self._locked.experiments.add(form, place, kept=self._locked.kept)
        shares = self._shares(form, owners, place) if known and owners is not None else None
        if owners is None or shares is None:
            return None
        runs = runs_of(owners)
        return Split(
            experiment=form.experiment,
            unit=Unit(form.unit),
            arms={
                name: Arm(name, shares[name], arm.to, arm.outcome)
                for name, arm in sorted(form.arms.items())
            },
            starts=tuple(start for start, _ in runs),
            owners=tuple(arm for _, arm in runs),
        )

    def _shares(self, form: SplitForm, owners: Owners, place: Place) -> dict[str, int] | None:
        """The share of each arm: as written, or as the lock has it now, for who is still in a
        version that is kept; None where the lock does not fit, as was reported.
        """
        shares = {name: arm.share for name, arm in form.arms.items()}
        if not self._locked.kept or not owners:
            if agrees(shares, owners):
                return shares
            message = f"the lock does not have the arms and shares of `{form.experiment}`"
            place.at("experiment").error("EXPERIMENT_LOCK", message, ALLOCATE)
            return None
        counted = Counter(owners)
        added = sorted(counted.keys() - shares.keys())
        if added:
            message = f"this version has no arm {', '.join(added)} of `{form.experiment}`"
            hint = "take it over by `migrate`, or give the experiment of the newer one another name"
            place.at("arms").key_error("EXPERIMENT_LOCK", message, hint)
            return None
        return {name: counted[name] for name in shares}

    def _check_target(self, form: BranchForm | ArmForm, place: Place) -> None:
        if form.to != END and form.to not in self._stages:
            hint = suggestion(form.to, [*self._stages, END])
            place.at("to").error("UNKNOWN_STAGE", f"there is no stage `{form.to}`", hint)
