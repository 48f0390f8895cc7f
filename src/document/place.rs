//! From byte offsets to lines and columns.

use super::Mark;

/// Where each line starts, so that a place is found without counting from the top.
pub(super) struct Lines<'a> {
    pub(super) text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        let breaks = memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| at + 1);
        Self { text, starts: std::iter::once(0).chain(breaks).collect() }
    }

    /// The place of a byte; beyond the end: the end.
    pub(super) fn mark(&self, offset: usize) -> Mark {
        let offset = offset.min(self.text.len());
        let line = self.starts.partition_point(|start| *start <= offset);
        let start = self.starts[line - 1];
        let column = self.text.get(start..offset).map_or(offset - start, |text| text.chars().count());
        Mark { line, column: column + 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters() {
        let lines = Lines::of("a\nüb\n");
        let places = [(0, (1, 1)), (2, (2, 1)), (4, (2, 2)), (6, (3, 1)), (99, (3, 1))];
        for (offset, (line, column)) in places {
            assert_eq!(lines.mark(offset), Mark { line, column }, "{offset}");
        }
    }
}
