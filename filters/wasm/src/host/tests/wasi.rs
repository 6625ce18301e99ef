use super::{MEMORY, OUT, Vm};
use crate::guest::Phase;
use crate::host::Exit;
use crate::log::tests::Capture;

#[tokio::test]
async fn outputs_are_log_lines() {
    let (capture, _guard) = Capture::start();
    let mut vm = Vm::new();
    vm.write(0x200, b"h!i\n");
    let piece = |address: u32, len: u32| [address.to_le_bytes(), len.to_le_bytes()].concat();
    let (pieces, _) = vm.input(&[piece(0x200, 1), piece(0x202, 2)].concat());
    assert_eq!(vm.status("fd_write", &[1, pieces, 2, OUT.into()]), 0);
    assert_eq!(vm.u32(OUT), 3);
    assert_eq!(vm.status("fd_write", &[2, pieces, 1, OUT.into()]), 0);
    assert_eq!(vm.status("fd_write", &[5, pieces, 1, OUT.into()]), 8);
    assert_eq!(vm.status("fd_write", &[1, (MEMORY - 4).into(), 1, OUT.into()]), 21);
    assert_eq!(vm.status("fd_write", &[1, pieces, 1, (MEMORY - 3).into()]), 21);
    assert_eq!(vm.status("fd_write", &[1, pieces, 1025, OUT.into()]), 28);
    assert_eq!(capture.lines(), ["INFO message=hi function=f version=1", "ERROR message=h function=f version=1"]);
    assert_eq!(vm.status("fd_fdstat_get", &[1, OUT.into()]), 0);
    assert_eq!(vm.read(OUT, 24), [&[0; 8][..], &[64], &[0; 15]].concat());
    assert_eq!(vm.status("fd_fdstat_get", &[0, OUT.into()]), 8);
    assert_eq!(vm.status("fd_prestat_get", &[3, OUT.into()]), 8);
    assert_eq!(vm.status("fd_sync", &[2]), 0);
    assert_eq!(vm.status("fd_sync", &[3]), 8);
}

#[tokio::test]
async fn wasi_has_clocks_random_bytes_and_the_configured_environment() {
    let mut vm = Vm::new();
    assert_eq!(vm.status("clock_time_get", &[0, 0, OUT.into()]), 0);
    assert!(vm.u64(OUT) > 1_700_000_000_000_000_000);
    assert_eq!(vm.status("clock_time_get", &[1, 0, OUT.into()]), 0);
    let first = vm.u64(OUT);
    assert_eq!(vm.status("clock_time_get", &[1, 0, OUT.into()]), 0);
    assert!(first > 0 && vm.u64(OUT) >= first);
    assert_eq!(vm.status("clock_time_get", &[7, 0, OUT.into()]), 58);
    assert_eq!(vm.status("random_get", &[0, 65_536]), 0);
    assert_ne!(vm.read(OUT, 16), [0; 16]);
    assert_eq!(vm.status("random_get", &[0, 65_537]), 28);
    assert_eq!(vm.status("random_get", &[1, 65_536]), 21);
    assert_eq!(vm.status("environ_sizes_get", &[OUT.into(), (OUT + 4).into()]), 0);
    assert_eq!((vm.u32(OUT), vm.u32(OUT + 4)), (1, 4));
    assert_eq!(vm.status("environ_get", &[OUT.into(), 0x5000]), 0);
    assert_eq!((vm.u32(OUT), vm.read(0x5000, 4)), (0x5000, b"A=1\0".to_vec()));
    assert_eq!(vm.status("poll_oneoff", &[0, 0, 1, OUT.into()]), 0);
    assert_eq!(vm.u32(OUT), 0);
    assert_eq!((vm.status("pthread_equal", &[3, 3]), vm.status("pthread_equal", &[3, 4])), (1, 0));
}

#[tokio::test]
async fn a_guest_that_exits_or_aborts_ends_its_call() {
    let (capture, _guard) = Capture::start();
    let mut vm = Vm::new();
    let exit = vm.call("proc_exit", &[3]).unwrap_err();
    assert_eq!(exit.downcast_ref::<Exit>(), Some(&Exit(3)));
    let (text, _) = vm.input(&[6, 0, 0, 0, b'b', 0, b'a', 0, b'd', 0]);
    let abort = vm.call("abort", &[text + 4, 0, 7, 8]).unwrap_err();
    assert!(format!("{abort:#}").contains("abort: bad (?:7:8)"), "{abort:#}");
    assert_eq!(capture.lines(), ["ERROR message=abort: bad (?:7:8) function=f version=1"]);
}

#[tokio::test]
async fn a_start_function_may_log_and_exit_and_nothing_else() {
    let mut vm = Vm::new();
    vm.store.data_mut().phase = Phase::Starting;
    assert_eq!(vm.status("fd_write", &[1, 0, 0, OUT.into()]), 0);
    assert!(vm.call("proxy_get_property", &[0, 1, 0, 4]).is_err());
    assert_eq!(vm.call("proc_exit", &[0]).unwrap_err().downcast_ref::<Exit>(), Some(&Exit(0)));
}
