package connectortest

// slapdConf is the server's configuration: what a careful admin runs. The
// database does not sync to disk, because the fixture lives for one test.
const slapdConf = `include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/nis.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath $MODULES
moduleload back_mdb
moduleload memberof
moduleload refint
moduleload unique
moduleload ppolicy
pidfile  $DIR/slapd.pid
TLSCertificateFile    $DIR/cert.pem
TLSCertificateKeyFile $DIR/key.pem
sizelimit 500
database mdb
maxsize 268435456
dbnosync
suffix  "$BASE"
rootdn  "cn=admin,$BASE"
rootpw  adminpw
directory $DIR/db
index objectClass,entryCSN,entryUUID eq
index uid,mail,member,uidNumber,employeeNumber eq
access to attrs=userPassword by self write by anonymous auth by dn.exact="cn=joinery,ou=svc,$BASE" write by * none
access to dn.subtree="ou=people,$BASE" by dn.exact="cn=joinery,ou=svc,$BASE" write by users read by anonymous auth
access to dn.subtree="ou=groups,$BASE" by dn.exact="cn=joinery,ou=svc,$BASE" write by users read by anonymous auth
access to * by users read by anonymous auth
limits dn.exact="cn=joinery,ou=svc,$BASE" size=unlimited
overlay memberof
memberof-refint TRUE
overlay refint
refint_attributes member
overlay unique
unique_uri ldap:///ou=people,$BASE?uid?sub
unique_uri ldap:///ou=people,$BASE?mail?sub
unique_uri ldap:///ou=people,$BASE?uidNumber?sub
overlay ppolicy
ppolicy_default "cn=default,ou=policies,$BASE"
ppolicy_use_lockout
ppolicy_hash_cleartext
`

// slapdSeed is what the directory holds at the start.
const slapdSeed = `dn: $BASE
objectClass: dcObject
objectClass: organization
dc: joinery
o: Joinery test

dn: ou=people,$BASE
objectClass: organizationalUnit
ou: people

dn: ou=groups,$BASE
objectClass: organizationalUnit
ou: groups

dn: ou=svc,$BASE
objectClass: organizationalUnit
ou: svc

dn: ou=policies,$BASE
objectClass: organizationalUnit
ou: policies

dn: cn=default,ou=policies,$BASE
objectClass: device
objectClass: pwdPolicy
cn: default
pwdAttribute: userPassword
pwdMinLength: 8
pwdCheckQuality: 2
pwdLockout: TRUE
pwdMaxFailure: 1000

dn: cn=joinery,ou=svc,$BASE
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: joinery
userPassword: $PASS

dn: cn=reader,ou=svc,$BASE
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: reader
userPassword: $PASS

dn: cn=nobody,ou=svc,$BASE
objectClass: organizationalRole
cn: nobody

dn: uid=jsmith,ou=people,$BASE
objectClass: inetOrgPerson
objectClass: posixAccount
uid: jsmith
cn: John Smith
sn: Smith
mail: john.smith@corp.example
uidNumber: 10001
gidNumber: 10001
homeDirectory: /home/jsmith
`
