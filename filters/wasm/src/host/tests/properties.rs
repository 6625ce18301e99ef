use super::{Vm, exchange};

#[tokio::test]
async fn properties_of_a_root_are_the_plugins_and_its_own() {
    let mut vm = Vm::new();
    assert_eq!(vm.get_property(b"plugin_root_id"), Ok(b"root".to_vec()));
    assert_eq!(vm.get_property(b"plugin_name\0"), Ok(b"f".to_vec()));
    assert_eq!(vm.get_property(b"plugin_vm_id"), Ok(b"f".to_vec()));
    assert_eq!(vm.get_property(b""), Err(3));
    assert_eq!(vm.get_property(b"request"), Err(3));
    assert_eq!(vm.get_property(b"request\0path"), Err(1));
    assert_eq!(vm.get_property(b"nope"), Err(1));
    assert_eq!(vm.set_property(b"mine", b"1"), 0);
    assert_eq!(vm.set_property(b"", b"1"), 2);
    assert_eq!(vm.get_property(b"mine"), Ok(b"1".to_vec()));
}

#[tokio::test]
async fn properties_of_a_stream_are_facts_and_what_its_guests_have_stored() {
    let mut vm = Vm::new();
    let exchange = exchange();
    vm.enter(&exchange, 2);
    assert_eq!(vm.get_property(b"request\0path"), Ok(b"/b".to_vec()));
    assert_eq!(vm.get_property(b"source\0address\0"), Ok(b"1.2.3.4:5678".to_vec()));
    assert_eq!(vm.get_property(b"response\0code"), Err(1));
    assert_eq!(vm.set_property(b"a", b"v"), 0);
    assert_eq!(vm.set_property(b"two\0parts", b"w"), 0);
    assert_eq!(vm.set_property(b"response\0code_details", b"x"), 0);
    assert_eq!(vm.set_property(b"empty", b""), 0);
    exchange.record(|record| record.details = Some("real".into()));
    // Another filter of the exchange finds the values; another exchange does not.
    let mut next = Vm::of(&vm.process);
    next.enter(&exchange, 5);
    assert_eq!(next.get_property(b"a"), Ok(b"v".to_vec()));
    assert_eq!(next.get_property(b"filter_state\0wasm.a"), Ok(b"v".to_vec()));
    assert_eq!(next.get_property(b"two\0parts"), Ok(b"w".to_vec()));
    assert_eq!(next.get_property(b"response\0code_details"), Ok(b"real".to_vec()));
    assert_eq!(next.get_property(b"empty"), Ok(Vec::new()));
    next.enter(&super::exchange(), 6);
    assert_eq!(next.get_property(b"a"), Err(1));
}
