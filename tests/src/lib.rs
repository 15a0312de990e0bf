//! What the whole-system tests share: real nodes as processes, a demo, a waiting loop.
