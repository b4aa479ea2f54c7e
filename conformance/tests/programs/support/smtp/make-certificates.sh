#!/bin/sh
# Makes the authority and the certificate of the mail server of the tests, valid for a hundred years. Not needed again,
# unless they are lost: the files stand beside this one.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
touch index
cat > ca.conf <<'CONF'
[ca]
default_ca = authority
[authority]
database = index
new_certs_dir = .
rand_serial = yes
default_md = sha256
default_startdate = 20260101000000Z
default_enddate = 21260101000000Z
policy = anything
[anything]
commonName = supplied
[authority_extensions]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
[server_extensions]
basicConstraints = critical, CA:FALSE
subjectAltName = DNS:localhost, IP:127.0.0.1
authorityKeyIdentifier = keyid
CONF
key() { openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1"; }
key authority.key
openssl req -new -key authority.key -subj "/CN=papo's tests: authority" -out authority.csr
openssl ca -batch -notext -config ca.conf -selfsign -keyfile authority.key -in authority.csr \
    -extensions authority_extensions -out "$here/authority.pem"
key "$here/server.key"
openssl req -new -key "$here/server.key" -subj "/CN=papo's tests: mail server" -out server.csr
openssl ca -batch -notext -config ca.conf -cert "$here/authority.pem" -keyfile authority.key -in server.csr \
    -extensions server_extensions -out "$here/server.pem"
