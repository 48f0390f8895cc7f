//! (module outbound)
