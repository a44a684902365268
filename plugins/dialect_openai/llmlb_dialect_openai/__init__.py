"""OpenAI's API in front of every model: chat, completions, responses, embeddings, models."""
