//! Hosts with networks of their own between them: network namespaces that only this test has.
//!
//! No address of theirs exists outside of them. They take root and the program `ip`, so a test asks for them by
//! [`Networks::new`] and does nothing where they cannot be had.

use std::process::{Command, Stdio};

use super::unique;

/// Namespaces, which end with this.
#[derive(Debug)]
pub(crate) struct Networks {
    prefix: String,
    hosts: Vec<String>,
}

impl Networks {
    /// Hosts by these names, without any network. `None` where this is not allowed; then the test says so.
    pub(crate) fn new(hosts: &[&str]) -> Option<Self> {
        let mut networks = Self { prefix: unique("papo-"), hosts: Vec::new() };
        for &host in hosts {
            if let Err(why) = run(&["ip", "netns", "add", &networks.name(host)]) {
                eprintln!("SKIPPED: no network namespaces can be made here ({why}): it takes root and iproute2");
                return None;
            }
            networks.hosts.push(host.to_owned());
            networks.ip(host, "link set lo up");
        }
        Some(networks)
    }

    fn name(&self, host: &str) -> String {
        format!("{}-{host}", self.prefix)
    }

    /// What `ip` is to do on a host.
    #[track_caller]
    pub(crate) fn ip(&self, host: &str, what: &str) {
        let name = self.name(host);
        let command = ["ip", "-n", &name].into_iter().chain(what.split(' ')).collect::<Vec<_>>();
        run(&command).unwrap_or_else(|why| panic!("{command:?}: {why}"));
    }

    /// A wire from one host to another, each with an interface that is called as the other one and has this address.
    #[track_caller]
    pub(crate) fn wire(&self, (one, address): (&str, &str), (other, other_address): (&str, &str)) {
        self.ip(one, &format!("link add {other} type veth peer name {one} netns {}", self.name(other)));
        for (host, interface, address) in [(one, other, address), (other, one, other_address)] {
            self.ip(host, &format!("address add {address} broadcast + dev {interface}"));
            self.ip(host, &format!("link set {interface} up"));
        }
    }

    /// A firewall on a host that drops what comes in and is like this. False where there is no `nft`; then the test says
    /// so.
    pub(crate) fn drop_incoming(&self, host: &str, rules: &[&str]) -> bool {
        let inside = |what: &str| {
            let name = self.name(host);
            let command = ["ip", "netns", "exec", &name, "nft"].into_iter().chain(what.split(' ')).collect::<Vec<_>>();
            run(&command)
        };
        let made = inside("add table inet papo").and_then(|()| {
            inside("add chain inet papo input { type filter hook input priority 0 ; policy accept ; }")?;
            rules.iter().try_for_each(|rule| inside(&format!("add rule inet papo input {rule} drop")))
        });
        made.inspect_err(|why| eprintln!("SKIPPED: no firewall can be made here ({why}): it takes nftables")).is_ok()
    }

    /// Does something on a host; the sockets that it makes stay there.
    #[track_caller]
    pub(crate) fn on<R: Send>(&self, host: &str, what: impl FnOnce() -> R + Send) -> R {
        let namespace = std::fs::File::open(format!("/run/netns/{}", self.name(host))).expect("it is there");
        // A thread of its own: a namespace is a thread's.
        std::thread::scope(|scope| {
            let thread = scope.spawn(move || {
                nix::sched::setns(namespace, nix::sched::CloneFlags::CLONE_NEWNET).expect("it may enter");
                what()
            });
            thread.join().expect("it does not panic")
        })
    }

    /// The same command on a host.
    pub(crate) fn inside(&self, host: &str, command: &Command) -> Command {
        super::process::wrapped(command, "ip", &["netns", "exec", &self.name(host)])
    }
}

impl Drop for Networks {
    fn drop(&mut self) {
        for host in &self.hosts {
            if let Err(why) = run(&["ip", "netns", "delete", &self.name(host)]) {
                eprintln!("a network namespace is left behind: {why}");
            }
        }
    }
}

fn run(command: &[&str]) -> Result<(), String> {
    let output = Command::new(command[0]).args(&command[1..]).stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("{}: {error}", command[0]))?;
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()) }
}
