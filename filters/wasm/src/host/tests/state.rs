use super::{MEMORY, OUT, Vm, exchange};

#[tokio::test]
async fn shared_data_is_copied_out_with_its_number() {
    let mut vm = Vm::new();
    let out = [OUT.into(), (OUT + 4).into(), (OUT + 8).into()];
    let (key, len) = vm.input(b"key");
    assert_eq!(vm.status("proxy_get_shared_data", &[key, len, out[0], out[1], out[2]]), 1);
    assert_eq!(vm.status("proxy_set_shared_data", &[key, len, key, 2, 0]), 0);
    assert_eq!(vm.status("proxy_get_shared_data", &[key, len, out[0], out[1], out[2]]), 0);
    assert_eq!(vm.output(OUT, OUT + 4), b"ke");
    let cas = i64::from(vm.u32(OUT + 8));
    assert_eq!(vm.status("proxy_set_shared_data", &[key, len, key, 1, cas + 1]), 8);
    assert_eq!(vm.status("proxy_set_shared_data", &[key, len, key, 1, cas]), 0);
    assert_eq!(vm.status("proxy_set_shared_data", &[MEMORY.into(), 1, key, 1, 0]), 6);
    let mut other = Vm::of(&vm.process);
    let (key, len) = other.input(b"key");
    assert_eq!(other.status("proxy_get_shared_data", &[key, len, out[0], out[1], out[2]]), 0);
    assert_eq!(other.output(OUT, OUT + 4), b"k");
}

#[tokio::test]
async fn metrics_are_defined_moved_and_read() {
    let mut vm = Vm::new();
    let (name, len) = vm.input(b"hits");
    let mut define = |kind| (vm.status("proxy_define_metric", &[kind, name, len, OUT.into()]), i64::from(vm.u32(OUT)));
    let ((0, counter), (0, gauge), (0, histogram)) = (define(0), define(1), define(2)) else {
        panic!("a metric was refused")
    };
    assert_eq!(define(0), (0, counter));
    assert_eq!(vm.status("proxy_define_metric", &[3, name, len, OUT.into()]), 2);
    assert_eq!(vm.status("proxy_define_metric", &[0, name, len, MEMORY.into()]), 6);
    assert_eq!(vm.status("proxy_increment_metric", &[counter, 3]), 0);
    assert_eq!(vm.status("proxy_increment_metric", &[counter, -1]), 2);
    assert_eq!(vm.status("proxy_record_metric", &[counter, 2]), 0);
    assert_eq!(vm.status("proxy_record_metric", &[gauge, 5]), 0);
    assert_eq!(vm.status("proxy_increment_metric", &[gauge, -2]), 0);
    for (id, value) in [(counter, 5), (gauge, 3)] {
        assert_eq!(vm.status("proxy_get_metric", &[id, OUT.into()]), 0);
        assert_eq!(vm.u64(OUT), value);
    }
    assert_eq!(vm.status("proxy_get_metric", &[histogram, OUT.into()]), 2);
    assert_eq!(vm.status("proxy_record_metric", &[99, 1]), 1);
    assert_eq!(vm.status("proxy_get_metric", &[0, OUT.into()]), 1);
}

#[tokio::test]
async fn foreign_functions_give_a_result_to_those_who_want_one() {
    let mut vm = Vm::new();
    let zero = vm.read(0, 8);
    let (name, len) = vm.input(b"get_log_level");
    assert_eq!(vm.status("proxy_call_foreign_function", &[name, len, 0, 0, OUT.into(), (OUT + 4).into()]), 0);
    assert_eq!(vm.output(OUT, OUT + 4), 2u32.to_le_bytes());
    assert_eq!(vm.status("proxy_call_foreign_function", &[name, len, 0, 0, 0, 0]), 0);
    assert_eq!(vm.status("proxy_call_foreign_function", &[name, len, 0, 0, 0, OUT.into()]), 0);
    assert_eq!(vm.u32(OUT), 0);
    assert_eq!(vm.read(0, 8), zero);
    assert_eq!(vm.status("proxy_call_foreign_function", &[name, len, MEMORY.into(), 1, 0, 0]), 6);
    assert_eq!(vm.status("proxy_call_foreign_function", &[name, 3, 0, 0, 0, 0]), 1);
    let (name, len) = vm.input(b"clear_route_cache");
    assert_eq!(vm.status("proxy_call_foreign_function", &[name, len, 0, 0, 0, 0]), 2);
    vm.enter(&exchange(), 2);
    assert_eq!(vm.status("proxy_call_foreign_function", &[name, len, 0, 0, 0, 0]), 0);
}
