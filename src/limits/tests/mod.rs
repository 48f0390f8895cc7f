//! The promises of ACCOUNTING that concern memory, held on the real module under a clock that the tests move.
