//! The way to backends from end to end: real sockets, scripted servers.
