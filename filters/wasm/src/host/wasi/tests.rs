use wasmtime::Module;

use super::*;

/// Every function of preview 1 with its type, by hand: the other way round from the table.
const PREVIEW_1: &[(&str, &str)] = &[
    (
        "args_get args_sizes_get environ_get environ_sizes_get clock_res_get fd_fdstat_get fd_fdstat_set_flags",
        "i32 i32",
    ),
    ("fd_filestat_get fd_prestat_get fd_renumber fd_tell random_get sock_shutdown", "i32 i32"),
    ("sched_yield", ""),
    ("fd_close fd_datasync fd_sync proc_raise", "i32"),
    ("fd_filestat_set_size", "i32 i64"),
    ("clock_time_get", "i32 i64 i32"),
    ("fd_allocate fd_fdstat_set_rights", "i32 i64 i64"),
    ("fd_advise fd_filestat_set_times", "i32 i64 i64 i32"),
    ("fd_seek", "i32 i64 i32 i32"),
    ("fd_prestat_dir_name path_create_directory path_remove_directory path_unlink_file sock_accept", "i32 i32 i32"),
    ("fd_read fd_write poll_oneoff", "i32 i32 i32 i32"),
    ("fd_pread fd_pwrite fd_readdir", "i32 i32 i32 i64 i32"),
    ("path_filestat_get path_symlink sock_send", "i32 i32 i32 i32 i32"),
    ("path_readlink path_rename sock_recv", "i32 i32 i32 i32 i32 i32"),
    ("path_link", "i32 i32 i32 i32 i32 i32 i32"),
    ("path_filestat_set_times", "i32 i32 i32 i32 i64 i64 i32"),
    ("path_open", "i32 i32 i32 i32 i32 i64 i64 i32 i32"),
];

fn import(module: &str, name: &str, parameters: &str, result: &str) -> String {
    let parameters = if parameters.is_empty() { String::new() } else { format!("(param {parameters})") };
    format!("(import \"{module}\" \"{name}\" (func {parameters} {result}))\n")
}

#[test]
fn the_whole_of_preview_1_links_under_both_names() {
    let mut imports = String::new();
    for module in MODULES {
        for (names, parameters) in PREVIEW_1 {
            names.split(' ').for_each(|name| imports += &import(module, name, parameters, "(result i32)"));
        }
        imports += &import(module, "proc_exit", "i32", "");
    }
    imports += &import("env", "emscripten_notify_memory_growth", "i32", "");
    imports += &import("env", "pthread_equal", "i32 i32", "(result i32)");
    imports += &import("env", "abort", "i32 i32 i32 i32", "");
    imports += &import("env", "seed", "", "(result f64)");
    let engine = wasmtime::Engine::default();
    let module = Module::new(&engine, wat::parse_str(format!("(module {imports})")).unwrap()).unwrap();
    assert_eq!(module.imports().count(), 2 * 46 + 4);
    let mut linkers = Linkers::new(&engine);
    link(&mut linkers).unwrap();
    for linker in linkers.both() {
        linker.instantiate_pre(&module).unwrap();
    }
}
