#!/bin/sh
# hosts.sh FOLDER NAME...: hosts of these names, each with a network, a hostname, processes, shared memory, an identity
# and an sshd of its own, on a switch between them. FOLDER/own is another folder on every host. Prints "ready", and ends
# with its standard input. Run it under `unshare --net --mount --pid --fork --kill-child`, which clears it all away.
set -e
folder=$1
shift
mkdir -p "$folder/own" "$folder/ssh"
ssh-keygen -q -t ed25519 -N '' -f "$folder/ssh/key"
cat >"$folder/ssh/sshd_config" <<END
HostKey $folder/ssh/key
AuthorizedKeysFile $folder/ssh/key.pub
PermitRootLogin yes
StrictModes no
PidFile none
END
cat >"$folder/ssh/ssh_config" <<END
IdentityFile $folder/ssh/key
StrictHostKeyChecking no
UserKnownHostsFile /dev/null
LogLevel ERROR
END
echo "127.0.0.1 localhost" >"$folder/ssh/hosts"
number=0
for name; do
  number=$((number + 1))
  echo "10.77.0.$number $name" >>"$folder/ssh/hosts"
done
mount --bind "$folder/ssh/hosts" /etc/hosts
mount --bind "$folder/ssh" /etc/ssh
mount -t tmpfs none /run
mkdir /run/sshd
ip link add switch type bridge
ip address add 10.77.0.254/24 dev switch
ip link set switch up

number=0
for name; do
  number=$((number + 1))
  cat /proc/sys/kernel/random/uuid >"$folder/ssh/$name.boot_id" # by which MPI knows what is one machine
  unshare --net --mount --uts --ipc --pid --fork --kill-child --mount-proc sh -ec "
    hostname $name
    mount --bind $folder/ssh/$name.boot_id /proc/sys/kernel/random/boot_id
    mount -t tmpfs none /dev/shm
    mount -t tmpfs none $folder/own
    until ip link show eth0 >/dev/null 2>&1; do sleep 0.05; done
    ip link set lo up
    ip address add 10.77.0.$number/24 dev eth0
    ip link set eth0 up
    exec /usr/sbin/sshd -D -e" &
  sleep 0.2 # it takes its network
  ip link add "to-$name" type veth peer name eth0 netns $!
  ip link set "to-$name" master switch up
done
tries=300
until ssh "$name" true; do
  tries=$((tries - 1))
  [ $tries -gt 0 ] # sh -e: else the script ends here
  sleep 0.1
done
echo ready
read -r _ || true
