"""Acts: conditions that stand once, in `conditions.yaml`, and are used by name."""

from __future__ import annotations

from pydantic import Field, PrivateAttr, ValidationInfo, model_validator

from pipeline.judging.conditions.at_once import EvaluationAtOnce, Truths
from pipeline.judging.conditions.base import Act, Evaluation, Node, Result, reading
from pipeline.judging.conditions.windows import InWindow, Window


class Used(InWindow):
    """A condition of `conditions.yaml` holds. What is said in it is looked for in the window given here, except for
    what has a window of its own there."""

    use: str = Field(description="the name that it has in conditions.yaml")
    _act: Act = PrivateAttr()

    @model_validator(mode="after")
    def _known(self, info: ValidationInfo) -> Used:
        self._act = reading(info).act(self.use, self.window)
        return self

    @property
    def act(self) -> Act:
        """The condition, looked for in this window."""
        return self._act

    def within(self, window: Window, act: Act) -> Used:
        """The same in a window: `act`, looked for in it."""
        placed = self.model_copy(update={"window": window})
        placed._act = act
        return placed

    @property
    def parts(self) -> tuple[Node, ...]:
        return (self._act.when,)

    def title(self, evaluation: Evaluation) -> str:
        return self._act.title

    def find(self, evaluation: Evaluation) -> Result:
        return evaluation.result(self._act.when)

    def truths(self, calls: EvaluationAtOnce) -> Truths:
        return calls.truths(self._act.when)
