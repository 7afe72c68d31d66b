echo piprov: placeholder of the boot script
