"""Runs GGUF models with llama.cpp, on the CPU or a GPU."""
