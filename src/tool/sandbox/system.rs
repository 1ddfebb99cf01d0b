//! `@system`: what a dynamically linked program needs to start, and to find a host by its name.
//!
//! Read: the libraries, the linker's cache, what names of hosts and services resolve with, trusted
//! certificates, time zones and locales, the devices without content, and what language runtimes ask
//! of the kernel (memory, processors). Not: `/etc/passwd`, the rest of `/etc`, and `/proc` of any
//! process (a rule of Landlock cannot name a process that does not exist yet; a program that insists
//! gets `/proc` in its list, and the kernel still keeps it from the memory and the environment of
//! processes outside of its domain). Write: the devices without content. Execute: the dynamic
//! linkers.

use std::path::{Path, PathBuf};

/// To read.
const READ: [&str; 38] = [
    "/lib",
    "/lib32",
    "/lib64",
    "/usr/lib",
    "/usr/lib32",
    "/usr/lib64",
    "/usr/libexec",
    "/usr/local/lib",
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
    "/usr/share/locale",
    "/usr/share/terminfo",
    "/usr/share/zoneinfo",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/ssl/certs",
    "/etc/ssl/openssl.cnf",
    "/etc/ssl/cert.pem",
    "/etc/pki/tls/certs",
    "/etc/resolv.conf",
    "/etc/nsswitch.conf",
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/gai.conf",
    "/etc/services",
    "/etc/protocols",
    "/etc/localtime",
    "/etc/locale.alias",
    "/dev/null",
    "/dev/zero",
    "/dev/full",
    "/dev/random",
    "/dev/urandom",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/sys/vm/overcommit_memory",
    "/sys/devices/system/cpu",
];

/// To write.
const WRITE: [&str; 3] = ["/dev/null", "/dev/zero", "/dev/full"];

/// Where a dynamic linker lies: glibc's by processor, musl's by name.
const LINKERS: [&str; 7] = [
    "/lib64/ld-linux-x86-64.so.2",
    "/lib/ld-linux-aarch64.so.1",
    "/lib/ld-linux-armhf.so.3",
    "/lib/ld-linux-riscv64-lp64d.so.1",
    "/lib/ld-musl-x86_64.so.1",
    "/lib/ld-musl-aarch64.so.1",
    "/lib64/ld64.so.2",
];

/// A kind of list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::tool) enum Kind {
    /// To read.
    Read,
    /// To write.
    Write,
    /// To execute.
    Exec,
}

/// What `@system` stands for in a list of this kind.
pub(in crate::tool) fn widen(kind: Kind) -> impl Iterator<Item = PathBuf> {
    let paths: &[&str] = match kind {
        Kind::Read => &READ,
        Kind::Write => &WRITE,
        Kind::Exec => &LINKERS,
    };
    paths.iter().map(Path::new).map(Path::to_owned)
}
