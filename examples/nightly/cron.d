# Every night at 2:30. What it prints comes by mail.
MAILTO=lab@example.com
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
30 2 * * * root /usr/local/sbin/piprov-nightly /srv/images/lab.img.xz
