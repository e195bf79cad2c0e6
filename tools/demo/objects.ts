/** What the demo asks of the cluster: a device with its model, and the application that reads and steers it. */

export interface Place {
  readonly node: string;
  readonly image: string;
  readonly modbusPort: number;
  readonly mqttPort: number;
}

export function deviceObjects({ node, modbusPort }: Place): string {
  return `apiVersion: devices.kubeedge.io/v1beta1
kind: DeviceModel
metadata: { name: thermostat }
spec:
  protocol: modbus
  properties:
    - { name: temperature, type: FLOAT, accessMode: ReadOnly, unit: Celsius }
    - { name: target, type: FLOAT, accessMode: ReadWrite, unit: Celsius, minimum: "5", maximum: "30" }
    - { name: heating, type: BOOLEAN, accessMode: ReadOnly }
    - { name: enabled, type: BOOLEAN, accessMode: ReadWrite }
---
apiVersion: devices.kubeedge.io/v1beta1
kind: Device
metadata: { name: thermostat }
spec:
  deviceModelRef: { name: thermostat }
  nodeName: ${node}
  protocol:
    protocolName: modbus
    configData: { ip: 127.0.0.1, port: ${modbusPort}, slaveID: 1 }
  properties:
    - name: temperature
      collectCycle: 250
      visitors: { protocolName: modbus, configData: { register: InputRegister, offset: 0, scale: 0.1 } }
    - name: target
      desired: { value: "18" }
      collectCycle: 250
      visitors: { protocolName: modbus, configData: { register: HoldingRegister, offset: 0, scale: 0.1 } }
    - name: heating
      collectCycle: 250
      visitors: { protocolName: modbus, configData: { register: DiscreteInputRegister, offset: 0 } }
    - name: enabled
      desired: { value: "true" }
      collectCycle: 250
      visitors: { protocolName: modbus, configData: { register: CoilRegister, offset: 0 } }
`;
}

export function appObjects({ node, image, mqttPort }: Place): string {
  return `apiVersion: apps/v1
kind: Deployment
metadata: { name: comfort }
spec:
  replicas: 1
  selector: { matchLabels: { app: comfort } }
  template:
    metadata: { labels: { app: comfort } }
    spec:
      hostNetwork: true
      nodeSelector: { kubernetes.io/hostname: ${node} }
      terminationGracePeriodSeconds: 1
      containers:
        - name: comfort
          image: ${image}
          imagePullPolicy: Never
          command: [/bin/app]
          env:
            - { name: MQTT_PORT, value: "${mqttPort}" }
          resources:
            limits: { memory: 64Mi, cpu: 500m }
`;
}
