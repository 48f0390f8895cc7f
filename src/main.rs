//! The `tollgate` binary: everything is in the library, but for the choice of the allocator.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    process::ExitCode,
};

use mimalloc::MiMalloc;

/// A fifth of a proxied request's own time went into the system's allocator, and most of that into small pieces,
/// which mimalloc hands out for half the time. Large ones, the buffers of connections above all, stay with the
/// system: it leaves pages that nobody wrote to without memory, which a third of every open stream is.
struct BySize;

/// From this many bytes on the system allocates.
const LARGE: usize = 4096;

#[global_allocator]
static ALLOCATOR: BySize = BySize;

// SAFETY: which allocator serves a block depends on `layout.size()` alone. `GlobalAlloc` obliges callers to free and
// to resize a block with the layout it was allocated with, so every block goes back to the allocator it came from.
// `realloc` stays with that allocator while both sizes are on its side; otherwise the default implementation moves
// the block by `alloc`, copy and `dealloc` of ours. Both allocators fulfil the contract for the calls passed on.
#[expect(unsafe_code, reason = "an allocator cannot be written without; the proof stands above")]
unsafe impl GlobalAlloc for BySize {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.size() < LARGE { unsafe { MiMalloc.alloc(layout) } } else { unsafe { System.alloc(layout) } }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if layout.size() < LARGE {
            unsafe { MiMalloc.alloc_zeroed(layout) }
        } else {
            unsafe { System.alloc_zeroed(layout) }
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if layout.size() < LARGE {
            unsafe { MiMalloc.dealloc(block, layout) }
        } else {
            unsafe { System.dealloc(block, layout) }
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        match (layout.size() < LARGE, size < LARGE) {
            (true, true) => unsafe { MiMalloc.realloc(block, layout, size) },
            (false, false) => unsafe { System.realloc(block, layout, size) },
            _ => unsafe { move_block(self, block, layout, size) },
        }
    }
}

/// Moves a block to the other allocator.
///
/// # Safety
/// As [`GlobalAlloc::realloc`].
#[expect(unsafe_code, reason = "as above")]
unsafe fn move_block(allocator: &BySize, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
    // SAFETY: `realloc`'s caller vouches that `size`, rounded up to the alignment, does not overflow; the blocks are
    // distinct; the old one is valid for its size and is freed once, with its own layout.
    unsafe {
        let new = allocator.alloc(Layout::from_size_align_unchecked(size, layout.align()));
        if !new.is_null() {
            std::ptr::copy_nonoverlapping(block, new, layout.size().min(size));
            allocator.dealloc(block, layout);
        }
        new
    }
}

fn main() -> ExitCode {
    tollgate::cli::main()
}
