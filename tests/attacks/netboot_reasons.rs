//! Nobody fills the log of a network boot server by inventing clients, reasons or servers.

use std::net::Ipv4Addr;
use std::time::Duration;

use piprov::board::Mac;
use piprov::dhcp::build::Builder;
use piprov::dhcp::packet::Kind;

use crate::dhcp_support::{DhcpClient, OURS, discover, pi5_id};
use crate::netboot_rig::{Net, tree};

#[test]
fn invented_clients_and_servers_are_told_within_bounds() {
    let net = Net::new();
    tree(&net.root, "");
    let serve = net.serve(&["--mode", "dhcp", "--range", "10.99.0.100-109"]);
    net.lan.inside("client", || {
        let client = DhcpClient::new();
        let paced = piprov::stop::Stop::new().unwrap();
        for n in 0..600u32 {
            let [_, _, a, b] = n.to_be_bytes();
            let mac = Mac::new([0xdc, 0xa6, 0x32, 9, a, b]);
            // Systems on Pis that want addresses of another network, from this server.
            let far = Ipv4Addr::new(192, 168, a, b);
            client.say(
                &Builder::question(mac, n, Kind::Request, true).address(54, OURS).address(50, far).finish(),
            );
            // One board that speaks with another server each time, and wants another address each time.
            let one = Mac::new([0xdc, 0xa6, 0x32, 8, 8, 8]);
            client.say(&discover(one, &pi5_id(), true).finish());
            for server in [OURS, Ipv4Addr::new(10, 99, a, b)] {
                client.say(
                    &Builder::question(one, n, Kind::Request, true)
                        .address(54, server)
                        .address(50, far)
                        .finish(),
                );
            }
            if n % 10 == 9 {
                let _ = paced.wait(Duration::from_millis(10));
            }
        }
    });
    // All of it was heard when this one is.
    let last = Mac::new([0xdc, 0xa6, 0x32, 7, 7, 7]);
    net.lan.inside("client", || {
        let client = DhcpClient::new();
        let id = b"\0RPi4\x14\x31\xc0\x00\x32\x07\x07\x07\x01\x02\x03\x04";
        client.say(&discover(last, id, true).finish());
    });
    serve.until("the last board", |event| {
        event["board"]["mac"] == *last.to_string() && event["event"] == "offer"
    });
    let events = serve.end();
    let count = |is: &dyn Fn(&serde_json::Value) -> bool| events.iter().filter(|event| is(event)).count();
    let others = count(&|event| event["event"] == "reason" && event["run"].is_null());
    assert!((1..=70).contains(&others), "{others} of clients without a boot");
    let one = count(&|event| event["event"] == "reason" && event["board"]["mac"] == "dc:a6:32:08:08:08");
    assert!((1..=8).contains(&one), "{one} of one board");
    let servers = count(&|event| event["event"] == "server");
    assert!(servers <= 64, "{servers} servers");
}
