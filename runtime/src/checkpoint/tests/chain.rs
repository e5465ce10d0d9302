//! What was altered is found.

use super::traced::Traced;
use super::*;

fn three_epochs(world: &World) {
    let checkpoint = world.open().unwrap().checkpoint;
    (1..=3).for_each(|epoch| run(&checkpoint, epoch).unwrap());
}

#[test]
fn every_changed_byte_of_a_frame_is_found() {
    let payload: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    let big = frame::encode(3, b"{}", &payload);
    assert_eq!(frame::decode(&big).unwrap().payload, payload);
    let good = frame::encode(3, b"{\"slot\":1}", b"{\"commit\":{}}");
    for at in 0..good.len() {
        for bit in 0..8 {
            let mut bad = good.clone();
            bad[at] ^= 1 << bit;
            assert!(matches!(frame::decode(&bad), Err(frame::Fault::Corrupt(_))), "byte {at} bit {bit}");
        }
        assert!(frame::decode(&good[..at]).is_err(), "cut at {at}");
    }
    let mut longer = good.clone();
    longer.push(0);
    assert!(frame::decode(&longer).is_err());
    assert!(frame::decode(&good).is_ok());
}

#[test]
fn every_changed_byte_of_the_last_slot_stops_the_start() {
    let world = World::new();
    three_epochs(&world);
    let path = world.slot(4);
    let good = std::fs::read(&path).unwrap();
    let log = Log::new(Arc::new(Traced::new(&world.root())));
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 0x10;
        std::fs::write(&path, &bad).unwrap();
        assert_eq!(log.history().unwrap_err().kind(), Kind::Io, "byte {at}");
    }
    let error = world.open().unwrap_err().to_string();
    assert!(error.starts_with("log slot 4 (`"), "{error}");
    assert!(error.contains("the last good epoch before it is 2"), "{error}");
    assert!(error.contains("the output of epoch 3 may be visible"), "{error}");
    assert!(error.ends_with(RESTORE), "{error}");
    for cut in [0, 1, good.len() / 2, good.len() - 1] {
        std::fs::write(&path, &good[..cut]).unwrap();
        assert_eq!(world.open().unwrap_err().kind(), Kind::Io);
    }
    assert!(!world.slot(5).exists(), "nothing was written");
    std::fs::write(&path, &good).unwrap();
    assert_eq!(world.open().unwrap().last.unwrap().epoch, 3);
}

#[test]
fn the_chain_holds_the_slots_together() {
    let world = World::new();
    three_epochs(&world);
    let third = std::fs::read(world.slot(3)).unwrap();
    let second = std::fs::read(world.slot(2)).unwrap();

    std::fs::write(world.slot(3), &second).unwrap();
    assert!(world.open().unwrap_err().to_string().contains("under the name of another"));

    std::fs::remove_file(world.slot(3)).unwrap();
    let error = world.open().unwrap_err().to_string();
    assert!(error.starts_with("log slot 3 (`") && error.contains("is missing"), "{error}");

    // A whole and valid slot of this number, but of another history.
    let other = World::new();
    three_epochs(&other);
    std::fs::copy(other.slot(3), world.slot(3)).unwrap();
    assert!(world.open().unwrap_err().to_string().contains("slot 4 follows another one of this number"));

    std::fs::write(world.slot(3), &third).unwrap();
    assert_eq!(world.open().unwrap().last.unwrap().epoch, 3);
}

#[test]
fn a_later_format_is_not_called_corrupt() {
    let world = World::new();
    three_epochs(&world);
    let mut bytes = std::fs::read(world.slot(4)).unwrap();
    bytes[6] = 2;
    let end = bytes.len() - 20;
    let hash = xxhash_rust::xxh3::xxh3_128(&bytes[..end]).to_le_bytes();
    bytes[end..end + 16].copy_from_slice(&hash);
    std::fs::write(world.slot(4), bytes).unwrap();
    let error = world.open().unwrap_err();
    assert_eq!(error.kind(), Kind::Config);
    assert!(error.to_string().contains("has format 2, this build reads up to 1"), "{error}");
}

#[test]
fn a_slot_can_be_read_by_a_person() {
    let world = World::new();
    three_epochs(&world);
    let text = String::from_utf8_lossy(&std::fs::read(world.slot(4)).unwrap()).into_owned();
    assert!(text.contains("\"prev_slot\":3") && text.contains("{\"commit\":{\"epoch\":3,"), "{text}");
}
