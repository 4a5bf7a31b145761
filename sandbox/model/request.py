"""The part of a chat completion request that the model reads; everything else in it is ignored."""

from pydantic import BaseModel, Field


class Part(BaseModel):
    """A part of a message. Pictures and the like have no text."""

    text: str = ""


class Function(BaseModel):
    name: str


class ToolCall(BaseModel):
    id: str
    function: Function


class Message(BaseModel):
    role: str
    content: str | list[Part] | None = None
    tool_calls: list[ToolCall] | None = None
    # Of a tool's result: the call that it belongs to.
    tool_call_id: str | None = None

    @property
    def text(self) -> str:
        if isinstance(self.content, list):
            return "\n".join(part.text for part in self.content)
        return self.content or ""


class StreamOptions(BaseModel):
    include_usage: bool = False


class ChatRequest(BaseModel):
    model: str
    messages: list[Message] = Field(min_length=1)
    stream: bool = False
    stream_options: StreamOptions | None = None
