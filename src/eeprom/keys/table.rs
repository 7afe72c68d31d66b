//! The settings themselves, in the order of the documentation.

use super::{ANY, Form, Key};

macro_rules! keys {
    ($($name:ident: $form:expr, $what:literal;)+) => {
        /// All settings, in the order of the documentation.
        pub(super) const KEYS: &[Key] = &[$(Key { name: stringify!($name), form: $form, what: $what },)+];
    };
}

// What it does, for people; empty where no documentation says it.
keys! {
    BOOT_UART: Form::Switch,
        "log of the bootloader on the serial port (GPIO 14 and 15, 115200 baud): 1 on, 0 off";
    UART_BAUD: Form::Number(9600, 921_600), "baud rate of that log; Pi 5 and its like";
    WAKE_ON_GPIO: Form::Number(0, 2),
        "what wakes a halted board: 1 GPIO 3, 0 nothing, 2 a button at a GPIO (Pi 400); not of a Pi 5";
    POWER_OFF_ON_HALT: Form::Switch, "a halted board switches all its power off: 1 yes, 0 no";
    WAIT_FOR_POWER_BUTTON: Form::Switch,
        "after power comes back, wait for the button: 1 yes, 0 no; Pi 5, with POWER_OFF_ON_HALT=1";
    BOOT_ORDER: Form::Order, "where to look for a system, read from right to left";
    BOOT_WATCHDOG_TIMEOUT: Form::Number(0, ANY),
        "reset the board if no system has started after so many seconds; 0 never";
    BOOT_WATCHDOG_PARTITION: Form::Number(0, ANY), "which partition to boot after such a reset";
    MAX_RESTARTS: Form::Number(-1, ANY),
        "reset the board after so many rounds through the boot order; -1 never";
    REBOOT_ON_FATAL_ERROR: Form::Switch, "after a fatal error: 1 reset the board, 0 show the error for ever";
    SD_BOOT_MAX_RETRIES: Form::Number(-1, ANY), "how often the SD card is tried again; -1 without end";
    SD_OVERCURRENT_CHECK: Form::Switch, "a card that takes too much current: 1 is not booted, 0 is warned of";
    SD_QUIRKS: Form::Number(0, ANY), "help for odd cards: 1 no high speed";
    NET_BOOT_MAX_RETRIES: Form::Number(-1, ANY), "how often the network is tried again; -1 without end";
    DHCP_TIMEOUT: Form::Millis(5000, ANY, 45_000), "how long all of DHCP may take, in milliseconds";
    DHCP_REQ_TIMEOUT: Form::Millis(500, ANY, 4000), "after how long DHCP asks again, in milliseconds";
    TFTP_FILE_TIMEOUT: Form::Millis(5000, ANY, 30_000),
        "how long one file may take over TFTP, in milliseconds";
    TFTP_IP: Form::Ip, "TFTP server to ask, whatever DHCP says";
    TFTP_PREFIX: Form::Number(0, 2),
        "directory to ask TFTP for: 0 serial number, 1 TFTP_PREFIX_STR, 2 MAC address";
    TFTP_PREFIX_STR: Form::Text(32), "that directory, with a / at its end";
    PXE_OPTION43: Form::Text(32), "what option 43 of a DHCP server has to say; Raspberry Pi Boot without it";
    DHCP_OPTION97: Form::Number(0, ANY),
        "how the board names itself to DHCP: 0 by its serial number four times, else these four bytes first";
    MAC_ADDRESS: Form::Mac, "Ethernet address instead of its own";
    MAC_ADDRESS_OTP: Form::Text(32), "customer rows of the OTP that have the Ethernet address, as 0,1";
    CLIENT_IP: Form::Ip, "fixed address of the board; with SUBNET and TFTP_IP there is no DHCP";
    SUBNET: Form::Mask, "network mask of the fixed address";
    GATEWAY: Form::Ip, "gateway of the fixed address, for a TFTP server in another network";
    DISABLE_HDMI: Form::Switch, "picture on HDMI while it boots: 1 none, 0 as usual";
    HDMI_DELAY: Form::Number(0, ANY), "seconds until that picture comes";
    ENABLE_SELF_UPDATE: Form::Switch,
        "the bootloader takes an update that lies beside the boot files: 1 yes, 0 no";
    FREEZE_VERSION: Form::Switch, "1: no update is taken, but by a recovery.bin on an SD card";
    SIGNED_BOOT: Form::Switch, "1: only a boot.img is started that the key in this EEPROM has signed";
    HTTP_HOST: Form::Host, "server for HTTP boot and network install, a name or an address";
    HTTP_PORT: Form::Number(1, 65_535), "port of that server";
    HTTP_PATH: Form::Text(255), "directory on that server";
    HTTP_CACERT_HASH: Form::Sha256,
        "sha256 of the certificate in cacert.der; with it that server is asked over HTTPS";
    IMAGER_REPO_URL: Form::Text(255), "list of systems that network install offers";
    NET_INSTALL_ENABLED: Form::Switch, "network install, where a keyboard is found: 1 on, 0 off";
    NET_INSTALL_AT_POWER_ON: Form::Switch, "show network install for a moment after power comes: 1 yes, 0 no";
    NET_INSTALL_KEYBOARD_WAIT: Form::Millis(0, ANY, 900),
        "how long to wait for a keyboard for network install, in milliseconds";
    NETCONSOLE: Form::Text(32), "log over the network, as 6665@169.254.1.1/,6666@/";
    PARTITION: Form::Number(0, ANY), "partition to boot, where nothing else says which";
    PARTITION_WALK: Form::Switch,
        "look through the other partitions where that one does not boot: 1 yes, 0 no";
    BOOTVAR0: Form::Number(0, ANY), "a number that config.txt may look at in a filter";
    PCIE_PROBE: Form::Switch,
        "look for a disk at PCIe also without a HAT+ that tells of it: 1 yes, 0 no; Pi 5";
    PSU_MAX_CURRENT: Form::Number(0, ANY), "what the power supply gives, in mA: it is not asked; Pi 5";
    USB_MSD_EXCLUDE_VID_PID: Form::Text(64), "USB devices to leave alone, up to four, as 034700a0,a4231234";
    USB_MSD_DISCOVER_TIMEOUT: Form::Millis(5000, ANY, 20_000),
        "how long to look for a USB disk, in milliseconds";
    USB_MSD_LUN_TIMEOUT: Form::Millis(100, ANY, 2000),
        "how long one unit of a USB disk may take, in milliseconds";
    USB_MSD_PWR_OFF_TIME: Form::Millis(0, 5000, 1000),
        "how long USB is without power at a reset, in milliseconds; Pi 4";
    USB_MSD_STARTUP_DELAY: Form::Millis(0, 30_000, 0),
        "how long to wait before USB devices are looked for, in milliseconds";
    VL805: Form::Switch, "1: start a VL805 USB controller that has no EEPROM of its own; CM4";
    XHCI_DEBUG: Form::Number(0, ANY), "what of USB stands in the log, as bits";
    SDRAM_BANKLOW: Form::Number(0, 4), "how the memory banks are laid out; without it the bootloader chooses";
    BOOT_MENU_ENABLED: Form::Text(255), "";
    BOOT_MENU_OPTIONS: Form::Text(255), "";
    USE_IPV6: Form::Text(255), "";
    DNS_IP: Form::Text(255), "";
    USB_DEV_BOOT_MAX_RETRIES: Form::Text(255), "";
    USB_DEV_FILE_TIMEOUT: Form::Text(255), "";
    NVME_CONTROLLER: Form::Text(255), "";
}
