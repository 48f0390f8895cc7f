//! The seam between the planes: administration writes through [`control`], the data plane reads what was compiled.

pub mod control;
