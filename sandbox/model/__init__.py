"""The sandbox's model: answers as OpenAI's API does and does what the cues in a message say, so that no account is needed."""
