//! What the tap sees and withholds, in tables.
