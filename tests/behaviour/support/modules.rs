//! Modules written by hand: what no SDK would build.

/// The parts without which no module is taken.
pub mod parts {
    pub const MARKER: &str = r#"(func (export "proxy_abi_version_0_2_1"))"#;
    pub const MEMORY: &str = r#"(memory (export "memory") 1)"#;
    /// Gives out the same kilobyte again and again, which is enough for guests that keep nothing.
    pub const ALLOCATOR: &str = r#"(func (export "proxy_on_memory_allocate") (param i32) (result i32) i32.const 1024)"#;
}

/// A module of these parts of text, and of the three that it needs. Imports come first.
pub fn module(own: &str) -> Vec<u8> {
    bare(&format!("{own} {} {} {}", parts::MARKER, parts::MEMORY, parts::ALLOCATOR))
}

/// A module of exactly this text.
pub fn bare(text: &str) -> Vec<u8> {
    wat::parse_str(format!("(module {text})")).unwrap_or_else(|error| panic!("{error}"))
}
