//! The files in `supervise/`.

use std::time::Duration;

use dt_service::deaths::{self, Death, Ending, Role};
use dt_service::details::Details;
use dt_service::{Block, Incarnation, Record, Status, StatusFile, Want};

use crate::oracle::Bytes;

/// Whatever the length, what is read is what stands at its place.
pub fn status(data: &[u8], planted: bool) {
    let Ok(mut seen) = StatusFile::decode(data) else {
        assert!(data.len() < Status::LEN, "refused though long enough");
        return;
    };
    assert!(data.len() >= Status::LEN, "made up");
    if planted && seen.main.pid == 0x2a2a {
        seen.main.pid += 1;
    }
    let [p0, p1, p2, p3] = [data[12], data[13], data[14], data[15]].map(u32::from);
    assert_eq!(seen.main.pid, p0 | p1 << 8 | p2 << 16 | p3 << 24);
    assert_eq!(seen.main.paused, data[16] != 0);
    assert_eq!(seen.main.want, Want::from_byte(data[17]));
    let written = seen.main.encode();
    assert_eq!(written[..16], data[..16]);
    assert_eq!(Status::decode(&written), Ok(seen.main));
    if data.len() == Status::LEN {
        assert_eq!((seen.state, seen.log), (None, None));
    }
    // What we would write of it, we read again.
    if let Some(state) = seen.state {
        let block = Block {
            status: seen.main,
            state,
        };
        let again = StatusFile::decode(&block.encode()).unwrap();
        assert_eq!((again.main, again.state), (block.status, Some(block.state)));
        if let Some(log) = seen.log {
            let both = StatusFile::decode(&block.encode_with_log(&log)).unwrap();
            assert_eq!((both.main, both.log), (seen.main, Some(log)));
        }
    }
}

/// A record reads back as what was written, and a damaged one is not believed.
pub fn service_record(data: &[u8], planted: bool) {
    // Arbitrary files first.
    let _ = Record::newest(data);
    let mut bytes = Bytes::new(data);
    let incarnation = |bytes: &mut Bytes<'_>| Incarnation {
        pid: bytes.u32(),
        // Zero stands for none in the file.
        start: Some(bytes.u64()).filter(|start| *start != 0),
    };
    let number = bytes.u64();
    let record = Record {
        boot: Some(bytes.array()).filter(|boot| *boot != [0; 16]),
        // No process has the number 0; in the file it stands for none.
        supervise: Incarnation {
            pid: bytes.u32().max(1),
            start: None,
        },
        service: Some(incarnation(&mut bytes)).filter(|service| service.pid != 0),
        want: Want::from_byte(bytes.byte()),
        paused: bytes.flag(),
        due: bytes.flag(),
        leaving: bytes.flag(),
        since: (bytes.u64(), bytes.u32()),
        since_boot: Duration::from_nanos(bytes.u64()),
        not_before: Duration::from_nanos(bytes.u64()),
    };
    let mut slot = record.encode(number);
    if planted && record.supervise.pid == 0x0101 {
        slot[20] ^= 1;
    }
    assert_eq!(Record::decode(&slot), Some((number, record)));
    let place = usize::from(bytes.byte()) % slot.len();
    let mut damaged = slot;
    damaged[place] ^= bytes.byte().max(1);
    assert_eq!(Record::decode(&damaged), None, "damaged at {place}");
    // A torn slot leaves the other one.
    let mut file = [0; Record::FILE];
    let at = usize::try_from(Record::offset(number)).unwrap();
    file[at..at + Record::SLOT].copy_from_slice(&slot);
    let other = Record::SLOT - at;
    file[other..other + Record::SLOT].copy_from_slice(&damaged);
    assert_eq!(Record::newest(&file), Some((number, record)));
}

/// Whatever is taken for details is written again as it was, but for what no
/// writer of ours has ever put there.
pub fn details(data: &[u8], planted: bool) {
    let _ = Details::decode(data);
    let mut bytes = Bytes::new(data);
    let details = Details {
        boot: Some(bytes.array()).filter(|boot| *boot != [0; 16]),
        supervise: bytes.u32(),
        since: Duration::from_nanos(bytes.u64() / 2),
        until: bytes.flag().then(|| Duration::from_nanos(bytes.u64() / 2)),
        ready: bytes.flag().then(|| Duration::from_nanos(bytes.u64() / 2)),
        restart_delay: Duration::from_nanos(bytes.u64() / 2),
        deaths: bytes.u32(),
        recent_deaths: bytes.u32(),
        death_window: Duration::from_nanos(bytes.u64() / 2),
        problems: bytes.u32(),
        ..Details::EMPTY
    };
    let mut file = details.encode();
    if planted && details.deaths == 7 {
        file[40] ^= 0x40;
    }
    assert_eq!(Details::decode(&file), Some(details));
    let place = usize::from(bytes.byte()) % file.len();
    file[place] ^= bytes.byte().max(1);
    assert_eq!(Details::decode(&file), None, "damaged at {place}");
}

/// Deaths read back in their order, also from a ring that was laid out anew.
pub fn deaths(data: &[u8], planted: bool) {
    let _ = (deaths::read(data), deaths::next_number(data));
    let mut bytes = Bytes::new(data);
    let capacity = u32::from(bytes.byte() % 8) + 1;
    let new_capacity = u32::from(bytes.byte() % 8) + 1;
    let mut file = Vec::new();
    let mut all = Vec::new();
    for number in 0..u64::from(bytes.byte() % 20) {
        let death = Death {
            at: (bytes.u64(), bytes.u32()),
            uptime: Duration::from_nanos(bytes.u64() / 2),
            pid: bytes.u32(),
            role: Role::from_byte(bytes.byte()),
            ending: match bytes.byte() % 3 {
                0 => Ending::Code(bytes.byte()),
                1 => Ending::Signal(bytes.byte()),
                _ => Ending::Unknown,
            },
            core_dumped: bytes.flag(),
            out_of_memory: bytes.flag(),
            peak_memory: bytes.u64(),
            user_time: Duration::from_micros(bytes.u64()),
            system_time: Duration::from_micros(bytes.u64()),
        };
        let at = usize::try_from(deaths::offset(number, capacity).unwrap()).unwrap();
        file.resize(file.len().max(at + deaths::SLOT), 0);
        file[at..at + deaths::SLOT].copy_from_slice(&death.encode(number));
        all.push((number, death));
    }
    if planted && all.len() > 3 {
        all.swap(1, 2);
        all.swap(2, 3);
    }
    let newest = |count: u32| all[all.len().saturating_sub(count as usize)..].to_vec();
    assert_eq!(deaths::read(&file), newest(capacity));
    assert!(deaths::fits(&file, capacity));
    let relaid = deaths::relaid(&file, new_capacity);
    assert!(deaths::fits(&relaid, new_capacity));
    assert_eq!(deaths::read(&relaid), newest(capacity.min(new_capacity)));
    assert_eq!(deaths::next_number(&relaid), all.len() as u64);
}
