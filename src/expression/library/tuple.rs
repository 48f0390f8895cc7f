//! `Tuple`: items by number, as anonymous objects hold them.

use super::{Call, Row, fixed, linq_join::tuple};
use crate::expression::{Kind, Thrown, Value};

type Outcome = Result<Value, Thrown>;

pub(super) const ROWS: &[Row] =
    &[fixed(Kind::Tuple, "Create(item, ...): object", made), fixed(Kind::Tuple, "new(item, ...): object", made)];

fn made(c: &mut Call<'_, '_>) -> Outcome {
    if c.count() > 7 {
        return Err(Thrown::argument("a tuple has at most seven items"));
    }
    c.machine.budget.grow(c.count() * 48)?;
    Ok(tuple(c.args.clone()))
}
