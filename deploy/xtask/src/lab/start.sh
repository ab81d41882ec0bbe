# The second program in the lab: what a host has running before anyone logs in, as far as the lab
# needs it, then the command; its exit code is left beside this file.
control=$1
mkdir -p /dev/pts /dev/shm /run/lock /run/netns
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
mount -t cgroup2 cgroup2 /sys/fs/cgroup
ln -sfn /proc/self/fd /dev/fd
for stream in 0:stdin 1:stdout 2:stderr; do
    ln -sfn "/proc/self/fd/${stream%:*}" "/dev/${stream#*:}"
done
echo lab >/proc/sys/kernel/hostname
. "$control/environment"
ip link set lo up
if [ -n "$WEFT_LAB_DISK" ]; then
    # What survives the loss of power, as on a machine.
    modprobe virtio_blk
    modprobe ext4
    mkdir -p "$WEFT_LAB_DISK"
    mount /dev/vda "$WEFT_LAB_DISK" 2>/dev/null || {
        mkfs.ext4 -q /dev/vda
        mount /dev/vda "$WEFT_LAB_DISK"
    }
fi
# Unpacking FRR makes no user, which installing it would.
if [ -x /usr/lib/frr/zebra ] && ! getent passwd frr >/dev/null; then
    groupadd --system frrvty
    useradd --system --user-group --groups frrvty --home-dir /nonexistent --no-create-home frr
fi
exec </dev/null >/dev/hvc0 2>&1
if [ -n "$WEFT_LAB_TERMINAL" ]; then
    stty -F /dev/hvc0 sane $WEFT_LAB_TERMINAL
    # The terminal on the other end sends a carriage return of its own for every line.
    setsid -c sh "$control/command" </dev/hvc0
    code=$?
else
    stty -F /dev/hvc0 raw -echo
    # Through a pipe: programs that find a terminal draw on it.
    mkfifo /run/printed
    cat </run/printed >/dev/hvc0 &
    cat=$!
    setsid -w sh "$control/command" >/run/printed 2>&1
    code=$?
    # Whoever still holds the pipe's other end does not keep us.
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        kill -0 $cat 2>/dev/null || break
        sleep 0.1
    done
fi
echo $code >"$control/code"
# Setting a terminal waits for what it has not shown yet.
stty -F /dev/hvc0 raw -echo
# The emulator ends at a restart. Nothing here is to be kept, so nothing is shut down.
echo b >/proc/sysrq-trigger
sleep 60
