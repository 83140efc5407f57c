import java.io.FileInputStream;
import java.net.Socket;
import java.security.KeyStore;
import java.security.cert.X509Certificate;
import java.util.List;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SNIHostName;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManager;
import javax.net.ssl.X509TrustManager;

/** A TLS client: port, protocol, and a PKCS #12 file with the password "password". It sends "ping" and prints the answer. */
public class Client {
    public static void main(String[] args) throws Exception {
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(new FileInputStream(args[2]), "password".toCharArray());
        KeyManagerFactory keys = KeyManagerFactory.getInstance("SunX509");
        keys.init(store, "password".toCharArray());
        TrustManager trustAll = new X509TrustManager() {
            public void checkClientTrusted(X509Certificate[] chain, String type) {}
            public void checkServerTrusted(X509Certificate[] chain, String type) {}
            public X509Certificate[] getAcceptedIssuers() { return new X509Certificate[0]; }
        };
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(keys.getKeyManagers(), new TrustManager[] {trustAll}, null);
        Socket tcp = new Socket("127.0.0.1", Integer.parseInt(args[0]));
        SSLSocket tls = (SSLSocket) context.getSocketFactory().createSocket(tcp, "localhost", tcp.getPort(), true);
        SSLParameters parameters = tls.getSSLParameters();
        parameters.setServerNames(List.of(new SNIHostName("localhost"))); // by itself it names only hosts with a dot
        tls.setSSLParameters(parameters);
        tls.setEnabledProtocols(new String[] {args[1]});
        tls.getOutputStream().write("ping\n".getBytes());
        byte[] answer = new byte[5];
        tls.getInputStream().readNBytes(answer, 0, answer.length);
        System.out.print(new String(answer));
        tls.close();
    }
}
