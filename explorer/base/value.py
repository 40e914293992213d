"""A value: what is read from a form, a file or the queue, checked once and never changed."""

from pydantic import BaseModel, ConfigDict


class Value(BaseModel):
    """Pydantic's model, frozen; a field that it does not know is an error and not dropped."""

    model_config = ConfigDict(frozen=True, extra="forbid")
