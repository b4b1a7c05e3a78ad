// receiver [USER_ID]
//
// Says which clients sniproxy hands over, and closes them; a server would give the TcpStream to its TLS library. The listening
// socket is descriptor 3, as systemd passes it. USER_ID, the proxy's, may hand over beside root.
//
//   rustc --edition 2021 receiver.rs

use std::ffi::{c_int, c_void};
use std::io::{Error, ErrorKind};
use std::net::TcpStream;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::{env, mem, process, ptr, thread};

// Of the C library, as on Linux with 64 bits, since std has neither SOCK_SEQPACKET nor SCM_RIGHTS.
#[repr(C)]
struct Region {
    start: *mut u8,
    length: usize,
}

#[repr(C)]
struct Message {
    name: *mut c_void,
    name_length: u32,
    regions: *mut Region,
    region_count: usize,
    control: *mut Control,
    control_length: usize,
    flags: c_int,
}

// With room for one descriptor; the kernel closes more.
#[repr(C)]
#[derive(Default)]
struct Control {
    length: usize,
    level: c_int,
    kind: c_int,
    descriptor: c_int,
}

#[repr(C)]
#[derive(Default)]
struct Credentials {
    process: i32,
    user: u32,
    group: u32,
}

extern "C" {
    fn accept4(fd: c_int, address: *mut c_void, length: *mut u32, flags: c_int) -> c_int;
    fn getsockopt(fd: c_int, level: c_int, name: c_int, value: *mut Credentials, length: *mut u32) -> c_int;
    fn recvmsg(fd: c_int, message: *mut Message, flags: c_int) -> isize;
}

const SOL_SOCKET: c_int = 1;
const SCM_RIGHTS: c_int = 1;
const SO_PEERCRED: c_int = 17;
const SOCK_CLOEXEC: c_int = 0o2000000;
const MSG_CMSG_CLOEXEC: c_int = 0x4000_0000;
const CONTROL_LENGTH: usize = 20;

fn accept() -> Result<OwnedFd, Error> {
    match unsafe { accept4(3, ptr::null_mut(), ptr::null_mut(), SOCK_CLOEXEC) } {
        -1 => Err(Error::last_os_error()),
        peer => Ok(unsafe { OwnedFd::from_raw_fd(peer) }),
    }
}

/// The client that the peer hands over, and the name that it asks for.
fn receive(peer: &OwnedFd, user: Option<u32>) -> Result<(TcpStream, String), Error> {
    let mut sender = Credentials::default();
    let mut size = mem::size_of::<Credentials>() as u32;
    if unsafe { getsockopt(peer.as_raw_fd(), SOL_SOCKET, SO_PEERCRED, &mut sender, &mut size) } != 0 {
        return Err(Error::last_os_error());
    }
    if sender.user != 0 && Some(sender.user) != user {
        return Err(Error::new(ErrorKind::PermissionDenied, format!("user {} may hand over nothing", sender.user)));
    }
    let mut header = [0u8; 4096];
    let mut region = Region { start: header.as_mut_ptr(), length: header.len() };
    let mut control = Control::default();
    let mut message = Message {
        name: ptr::null_mut(),
        name_length: 0,
        regions: &mut region,
        region_count: 1,
        control: &mut control,
        control_length: CONTROL_LENGTH,
        flags: 0,
    };
    let length = unsafe { recvmsg(peer.as_raw_fd(), &mut message, MSG_CMSG_CLOEXEC) };
    if length < 0 {
        return Err(Error::last_os_error());
    }
    if message.control_length < CONTROL_LENGTH || control.level != SOL_SOCKET || control.kind != SCM_RIGHTS {
        return Err(Error::new(ErrorKind::InvalidData, "no descriptor"));
    }
    let client = unsafe { TcpStream::from_raw_fd(control.descriptor) };
    match server_name(&header[..length as usize]) {
        Some(name) => Ok((client, name)),
        None => Err(Error::new(ErrorKind::InvalidData, "no PROXY header of version 2 with a server name")),
    }
}

/// The PP2_TYPE_AUTHORITY of a PROXY header of version 2.
fn server_name(header: &[u8]) -> Option<String> {
    let rest = header.strip_prefix(b"\r\n\r\n\0\r\nQUIT\n\x21")?;
    let (family, length) = (*rest.first()?, u16::from_be_bytes([*rest.get(1)?, *rest.get(2)?]));
    let addresses = match family {
        0x11 => 12,
        0x21 => 36,
        _ => return None,
    };
    if rest.len() != 3 + length as usize {
        return None;
    }
    let mut rest = rest.get(3 + addresses..)?;
    loop {
        let length = u16::from_be_bytes([*rest.get(1)?, *rest.get(2)?]) as usize;
        let value = rest.get(3..3 + length)?;
        if rest[0] == 2 {
            return String::from_utf8(value.to_vec()).ok();
        }
        rest = &rest[3 + length..];
    }
}

fn main() -> Result<(), Error> {
    if env::var("LISTEN_PID").ok() != Some(process::id().to_string()) {
        eprintln!("usage: receiver [USER_ID], with a socket from systemd");
        process::exit(100);
    }
    let user = env::args().nth(1).map(|number| number.parse::<u32>().expect("USER_ID is a number"));
    loop {
        let peer = accept()?;
        // So that a peer who says nothing holds up nobody.
        thread::spawn(move || match receive(&peer, user).and_then(|(client, name)| Ok((client.peer_addr()?, name))) {
            Ok((address, name)) => println!("{address} asks for {name}"),
            Err(error) => eprintln!("not taken: {error}"),
        });
    }
}
