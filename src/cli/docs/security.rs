//! The SECURITY sections of man pages: what each way of booting protects, and what it doesn't.

use std::io::Write;

use clap_mangen::roff::{Roff, bold, roman};

/// Paragraphs, each with what it is about.
type Section = &'static [(&'static str, &'static str)];

const FLASH: Section = &[
    (
        "Whose answers count.",
        "The word \"done\" rests on what the peer tells: the checksums of what it read back. A job belongs to one \
         address: the one that the database's column ip names, or else the first one to which this host's neighbour \
         table (ARP) gives the board's MAC address. Requests from other addresses are refused and told; they neither \
         advance nor end a job, and don't count as heard. A server that listens on a loopback address takes the first \
         that asks. An address is no proof: a host on the same network can forge ARP, or take an address while the \
         board is off. The ending, --json and the record say that such a peer was not authenticated, and by what it \
         was bound.",
    ),
    (
        "With a secret.",
        "`piprov card build --secret FILE` puts 128 random bits onto the card and into FILE, which the database's \
         column secret names (mode 0600, otherwise it is refused). Then the host draws a number for every start of the \
         board, and everything that the board asks and tells ends in a tag of 64 bits: SipHash-2-4 with the secret over \
         that number, the board's MAC address, the number of the order, the step, and what is told. Without the right \
         tag nothing is given away and nothing is believed, whatever address it comes from. What a listener has heard \
         is of no use to him later: repeated in the same job it gets at most the last answer or the same bytes again \
         and changes nothing, in another job it is refused. Repeated fetches count as a sign of life eight times an \
         order, no more.",
    ),
    (
        "What isn't protected.",
        "Nothing is encrypted: a listener sees the image, the checksums and the tags, but not the secret. The board \
         doesn't authenticate the host: any host that answers at the server's address can flash it. The checksum is a \
         CRC32: a host that can change packets on their way can change the image so that it stays the same, with a \
         secret too. Any host can disturb a transfer. The secret can be read from the card, from the card's file, and \
         by root on the board; cards with the same secret can speak for each other. Cards need a 64-bit U-Boot for it. With \
         --tftp-root and from a USB stick nothing is authenticated: files can't ask for a proof.",
    ),
    (
        "Cards of the original's kind",
        "are served with --card original only, and prove nothing: they upload a number of bytes.",
    ),
];

const NETBOOT: Section = &[
    (
        "What is protected.",
        "A client's own directory is served to the address that DHCP, or this host's neighbour table, gives to that \
         client. TFTP takes no uploads. NFS exports name the clients' addresses, and never everybody.",
    ),
    (
        "What isn't.",
        "DHCP, TFTP and NFS (with sec=sys) know no authentication and no encryption. Who listens on the wire sees \
         kernels, configurations and whatever a client reads and writes. Who takes a client's MAC and IP address gets \
         its files, and writes its root where that is exported for writing. Any host on the network can answer a board \
         before this one does, and boot it with something else; what a listener has heard he can say again. Use a \
         network of which every host is trusted, such as a VLAN of its own.",
    ),
];

const USBBOOT: Section = &[
    (
        "What is protected.",
        "A board gets files of the payload's directory and of what --allow names, and no others, whatever names it \
         asks for. The cable is the only way in: no host on a network takes part.",
    ),
    (
        "What isn't.",
        "A board is what it says: what is plugged into the port can claim any serial number, gets the files that are \
         meant for that board, and can report a success. Nothing is encrypted or signed on the cable; signatures of secure boot are \
         checked by the board's ROM and bootloader, not here. A user that can write the payload's directory decides \
         what runs on the board.",
    ),
];

/// Adds the section to the page with this file name, if it has one.
pub(super) fn add(page: &str, out: &mut dyn Write) -> std::io::Result<()> {
    let section = match page {
        "piprov-flash.1" => FLASH,
        "piprov-netboot-serve.1" => NETBOOT,
        "piprov-usbboot.1" => USBBOOT,
        _ => return Ok(()),
    };
    let mut page = Roff::new();
    page.control("SH", ["SECURITY"]);
    for (title, text) in section {
        page.control("PP", []);
        page.text([bold(*title), roman(" "), roman(*text)]);
    }
    page.to_writer(out)
}
