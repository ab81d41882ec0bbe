#!/bin/busybox sh
# The first program in the lab: puts the machine's files under a layer of memory, so that all can be
# written and nothing of the machine is, and goes on in there. `settings` says what it was told.
fail() {
    echo "lab: $1" >/dev/console
    busybox sleep 1
    busybox reboot -f
}
export PATH=/bin
busybox mount -t proc proc /proc
busybox mount -t sysfs sysfs /sys
busybox mount -t devtmpfs devtmpfs /dev
for module in /modules/*.ko; do
    busybox insmod "$module" || fail "cannot load $module"
done
. /settings
how=trans=virtio,version=9p2000.L,msize=512000
busybox mount -t 9p -o "ro,$how,cache=loose" machine /machine || fail "cannot see the machine's files"
busybox mount -t 9p -o "ro,$how,cache=loose" inside /inside || fail "cannot see the programs for here"
busybox mount -t tmpfs -o size=75% tmpfs /memory
busybox mkdir /memory/written /memory/work
# Nothing is kept across runs, so none of the layer's marks for that are wanted.
layers=lowerdir=/inside:/machine,upperdir=/memory/written,workdir=/memory/work
busybox mount -t overlay -o "$layers,redirect_dir=off,index=off,metacopy=off" overlay /root ||
    fail "cannot lay memory over the machine's files"
for folder in proc sys dev run tmp; do busybox mkdir -p "/root/$folder"; done
busybox mount -t tmpfs tmpfs /root/run
busybox mkdir -p "/root$share"
busybox mount -t 9p -o "rw,$how,cache=none" share "/root$share" || fail "cannot see the share"
busybox mkdir -p /root/lib/modules
busybox ln -sfn "$modules" "/root/lib/modules/$(busybox uname -r)"
for folder in proc sys dev; do busybox mount --move "/$folder" "/root/$folder"; done
exec busybox switch_root /root /bin/sh "$control/start" "$control"
