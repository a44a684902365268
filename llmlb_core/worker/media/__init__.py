"""Sound as bytes: decoding what clients upload, encoding what engines speak. Imports PyAV where it is used."""
